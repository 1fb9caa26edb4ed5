"""docs/own-services.md says what becomes of a SimpleXMLRPCServer program: nothing is left out, and
what it says to write instead gives what the program had before.
"""

from __future__ import annotations

import inspect
import re
import unittest
import xmlrpc.client
from datetime import datetime, timedelta, timezone
from xmlrpc.client import DateTime
from xmlrpc.server import SimpleXMLRPCServer

from ponte.net.message import MAX_BODY_BYTES
from ponte.rpc.marshal import decode_call, encode_call, encode_result
from server import Server
from tests.house.pages import read

PAGES = ("own-services.md", "own-services.pt-BR.md")
# What a program calls by these names; all others are hooks for subclasses.
CALLED = ("register_function", "register_instance", "register_introspection_functions",
          "register_multicall_functions", "serve_forever", "handle_request", "shutdown",
          "server_close", "server_address", "funcs")


def tables(page: str) -> str:
    """The rows of the tables in the section about moving."""
    _, section = re.split(r"^## .*SimpleXMLRPCServer.*$", read(f"docs/{page}"), maxsplit=1,
                          flags=re.MULTILINE)
    return "\n".join(re.findall(r"^\|.*\|$", section.split("\n## ")[0], re.MULTILINE))


class Moving(unittest.TestCase):

    def test_every_name_that_is_gone_has_a_row(self) -> None:
        options = [name for name in inspect.signature(SimpleXMLRPCServer).parameters
                   if name != "addr"]
        gone = [f"{name}=" for name in options if name not in inspect.signature(Server).parameters]
        gone += [name for name in CALLED if not hasattr(Server, name)]
        self.assertIn("allow_none=", gone)
        self.assertIn("shutdown", gone)
        for page in PAGES:
            for name in (*gone, "_dispatch", "_methodHelp", "_listMethods"):
                with self.subTest(page, name=name):
                    self.assertRegex(tables(page), rf"`[^`]*\b{name}")

    def test_a_time_can_be_read_and_sent_back_as_it_was(self) -> None:
        """With the words of the page: the same text as `when.value`, with and without a zone."""
        text = "20240229T13:14:15"
        [old], _ = xmlrpc.client.loads(encode_call("f", (datetime(2024, 2, 29, 13, 14, 15),)))
        _, [new] = decode_call(encode_call("f", (DateTime(text),)))
        _, [zoned] = decode_call(encode_call("f", (DateTime("2024-02-29T13:14:15+01:00"),)))
        self.assertEqual(str(old), text)
        for page in PAGES:
            found = re.search(r'`when\.strftime\("(.*?)"\)`', tables(page))
            assert found
            self.assertEqual(new.strftime(found[1]), text)
            self.assertIn("`DateTime(when.isoformat())`", tables(page))
            self.assertIn("`when.replace(tzinfo=None)`", tables(page))
        self.assertIn(b">2024-02-29T13:14:15+01:00<",
                      encode_result(DateTime(zoned.isoformat())))
        aware = datetime(2024, 2, 29, 13, 14, 15, tzinfo=timezone(timedelta(hours=1)))
        before = xmlrpc.client.dumps((aware,))
        self.assertIn(f">{text}<", before)
        self.assertIn(f">{text}<".encode(), encode_result(aware.replace(tzinfo=None)))

    def test_the_longest_message_is_told(self) -> None:
        for page, number in zip(PAGES, (f"{MAX_BODY_BYTES:,}",
                                        f"{MAX_BODY_BYTES:,}".replace(",", "."))):
            self.assertIn(f"({number} bytes)", tables(page))


if __name__ == "__main__":
    unittest.main()
