"""Endpoints on the wire: what a registry writes of one, and what a reader takes for one."""

from __future__ import annotations

import json
import unittest
from typing import Any

from ponte.calls.endpoint import READER_STATES, Endpoint
from ponte.rpc.marshal import decode_result, encode_result
from tests.fakes import endpoint


class OnTheWire(unittest.TestCase):
    """`to_struct` and `from_struct`; `to_columns` and `from_columns`."""

    def setUp(self) -> None:
        self.good = endpoint("a").to_struct()

    def refuses(self, struct: Any) -> None:
        """KeyError, TypeError or ValueError, as documented: a reader catches nothing else."""
        with self.subTest(struct=struct), \
                self.assertRaises((KeyError, TypeError, ValueError)):
            Endpoint.from_struct(struct)

    def refuses_columns(self, columns: Any) -> None:
        """The same where endpoints come as columns."""
        with self.subTest(columns=columns), \
                self.assertRaises((KeyError, TypeError, ValueError)):
            Endpoint.from_columns(columns)

    def refuses_with(self, **changed: Any) -> None:
        """It refuses an endpoint that is right but for these members, beside a good one."""
        bad = {**self.good, **changed}
        self.refuses(bad)
        self.refuses_columns({name: [self.good[name], bad[name]] for name in self.good})

    def test_an_endpoint_survives_the_wire(self) -> None:
        """XML-RPC carries its struct, and the same endpoint comes out."""
        here = Endpoint("greeter", "a", 2 ** 52, "::1", 65535, "suspect", ("hello", "whoami"))
        self.assertEqual(Endpoint.from_struct(here.to_struct()), here)
        self.assertEqual(Endpoint.from_struct(decode_result(encode_result(here.to_struct()))), here)
        self.assertEqual(here.address, ("::1", 65535))

    def test_endpoints_survive_the_wire_as_columns(self) -> None:
        """JSON carries the columns, and the same endpoints come out: of none, of one, of several.

        A registry of a later version may have more columns.
        """
        here = Endpoint("greeter", "a", 2 ** 52, "::1", 65535, "suspect", ("hello", "whoami"))
        for endpoints in ([], [here], [here, endpoint("b")]):
            columns = json.loads(json.dumps(Endpoint.to_columns(endpoints)))
            self.assertEqual(Endpoint.from_columns(columns), endpoints)
            columns["weight"] = 7
            self.assertEqual(Endpoint.from_columns(columns), endpoints)

    def test_an_endpoint_that_is_not_pontes_own_survives_the_wire(self) -> None:
        """In both forms, alone and beside others."""
        for more in ({"remembers": False}, {"path": "/RPC2"}, {"remembers": False, "path": "/a"}):
            self.assert_survives(endpoint("a")._replace(**more))

    def assert_survives(self, foreign: Endpoint) -> None:
        struct = decode_result(encode_result(foreign.to_struct()))
        self.assertEqual(Endpoint.from_struct(struct), foreign)
        for endpoints in ([foreign], [endpoint("b"), foreign], [foreign, endpoint("b")]):
            columns = json.loads(json.dumps(Endpoint.to_columns(endpoints)))
            self.assertEqual(Endpoint.from_columns(columns), endpoints)

    def test_old_and_new_versions_read_each_other(self) -> None:
        """What an old registry writes of endpoints is, byte by byte, what a new one writes of those
        that remember. Of the others it writes one member more, which an old reader passes over.
        """
        a, b = endpoint("a", idempotent=["hello"]), endpoint("b")
        old_struct = ('{"service":"greeter","instance":"a","incarnation":"1","host":"127.0.0.1",'
                      '"port":4242,"state":"up","idempotent":["hello"]}')
        old_columns = ('{"service":["greeter","greeter"],"instance":["a","b"],'
                       '"incarnation":["1","1"],"host":["127.0.0.1","127.0.0.1"],'
                       '"port":[4242,4242],"state":["up","up"],"idempotent":[["hello"],[]]}')

        def written(value: object) -> str:
            return json.dumps(value, separators=(",", ":"))
        self.assertEqual(written(a.to_struct()), old_struct)
        self.assertEqual(Endpoint.from_struct(json.loads(old_struct)), a)
        self.assertEqual(written(Endpoint.to_columns([a, b])), old_columns)
        self.assertEqual(Endpoint.from_columns(json.loads(old_columns)), [a, b])
        self.assertEqual(written(a._replace(remembers=False).to_struct()),
                         old_struct[:-1] + ',"remembers":false}')
        self.assertEqual(written(Endpoint.to_columns([a, b._replace(remembers=False)])),
                         old_columns[:-1] + ',"remembers":[true,false]}')
        self.assertEqual(written(a._replace(path="/RPC2").to_struct()),
                         old_struct[:-1] + ',"path":"/RPC2"}')
        self.assertEqual(written(Endpoint.to_columns([a, b._replace(path="/RPC2")])),
                         old_columns[:-1] + ',"path":["","/RPC2"]}')

    def test_an_incarnation_goes_as_text(self) -> None:
        """It may have 53 bits; an integer of XML-RPC has 32."""
        struct = endpoint("a", incarnation=2 ** 52).to_struct()
        self.assertEqual(struct["incarnation"], str(2 ** 52))

    def test_every_state_of_a_reader_is_taken(self) -> None:
        for state in READER_STATES:
            self.assertEqual(Endpoint.from_struct({**self.good, "state": state}).state, state)

    def test_every_port_is_taken(self) -> None:
        """Of those that can be called: 1 to 65535."""
        for port in (1, 65535):
            self.assertEqual(Endpoint.from_struct({**self.good, "port": port}).port, port)

    def test_a_struct_without_a_member_is_refused(self) -> None:
        for missing in self.good:
            self.refuses({name: value for name, value in self.good.items() if name != missing})
            self.refuses_columns({name: [value] for name, value in self.good.items()
                                  if name != missing})

    def test_what_is_no_struct_is_refused(self) -> None:
        self.refuses(None)
        self.refuses([])
        self.refuses("a")

    def test_what_is_no_columns_is_refused(self) -> None:
        """A column is a list, and all have one length."""
        self.refuses_columns(None)
        self.refuses_columns([])
        self.refuses_columns("a")
        columns = {name: [value] for name, value in self.good.items()}
        columns["remembers"], columns["path"] = [False], ["/RPC2"]
        for name, column in columns.items():
            for bad in (None, "a", {"a": 1}, [], column * 2):
                self.refuses_columns({**columns, name: bad})

    def test_a_member_that_is_not_what_it_must_be_is_refused(self) -> None:
        self.refuses_with(incarnation="x")
        self.refuses_with(incarnation=None)
        self.refuses_with(incarnation=1)
        self.refuses_with(incarnation=float("inf"))
        self.refuses_with(service=1, host=None)
        self.refuses_with(instance=["a"])
        self.refuses_with(idempotent="hello")
        self.refuses_with(idempotent=[1])
        self.refuses_with(state=["up"])
        self.refuses_with(port=True)
        self.refuses_with(port=float("nan"))
        self.refuses_with(port=10 ** 400)
        self.refuses_with(idempotent=None)
        self.refuses_with(state="asleep")
        self.refuses_with(port="x")
        self.refuses_with(port="4242")
        self.refuses_with(port=float("inf"))
        self.refuses_with(port=0)
        self.refuses_with(port=-1)
        self.refuses_with(port=70_000)
        for value in (None, 0, 1, 1.0, "true", [True]):
            self.refuses({**self.good, "remembers": value})
            self.refuses_columns({**{name: [member] for name, member in self.good.items()},
                                  "remembers": [value]})
        # It would become a part of a request.
        for path in (None, 7, ["/a"], "RPC2", "/a b", "/a\r\nX: y"):
            self.refuses({**self.good, "path": path})
            self.refuses_columns({**{name: [member] for name, member in self.good.items()},
                                  "path": [path]})


if __name__ == "__main__":
    unittest.main()
