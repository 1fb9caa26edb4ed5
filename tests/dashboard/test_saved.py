"""A page that is saved: one file with everything in it; nothing runs but its own scripts."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import re
import unittest
import zlib
from typing import Any

from dashboard import web_files
from dashboard.saved import escaped, recording, saved_page
from dashboard.web_files import INDEX, WebFile
from tests.dashboard.an_hour import lines

EVIL = "</script><script>alert(1)</script><!--<img src=x onerror=alert(1)>&"
MAX_HOUR_BYTES = 5_000_000
INDEX_HTML = b"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Ponte</title>
<link rel="stylesheet" href="/web/style.css">
<script src="/web/one.js" defer></script>
<script src="/web/two.js" defer></script>
</head>
<body>
<p>Hello</p>
</body>
</html>
"""
FILES = {INDEX: WebFile("text/html", INDEX_HTML),
         "style.css": WebFile("text/css", b"p { color: black }\n"),
         "one.js": WebFile("text/javascript", b'"use strict"; let a = "\\1 \\g<0>";\n'),
         "two.js": WebFile("text/javascript", b"let b = 1 < 2 && 3 > 2;\n")}


class Page(html.parser.HTMLParser):
    """The tags of a page in their order, and the text in each script and style."""

    def __init__(self, text: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._inside = ""
        self.feed(text.decode())
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        self._inside = tag if tag in ("script", "style") else ""
        if self._inside:
            self.texts.append((tag, ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            tag, text = self.texts[-1]
            self.texts[-1] = tag, text + data

    @property
    def policy(self) -> str:
        (found,) = [attributes.get("content") or "" for tag, attributes in self.tags
                    if attributes.get("http-equiv") == "Content-Security-Policy"]
        return found

    @property
    def recording(self) -> dict[str, Any]:
        place = [attributes.get("id") for tag, attributes in self.tags
                 if tag in ("script", "style")].index("recording")
        found: dict[str, Any] = json.loads(self.texts[place][1])
        return found


def sha256_of(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def events_in(found: dict[str, Any]) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(
        zlib.decompress(base64.b64decode(found["data"]), wbits=-15))
    return events


class Saved(unittest.TestCase):
    def setUp(self) -> None:
        self.lines = [b'{"s":1,"k":"start","t":0}',
                      json.dumps({"s": 2, "k": "proc", "who": EVIL, "service": EVIL}).encode(),
                      json.dumps({"s": 3, "k": "call", "method": EVIL}).encode()]
        self.page = Page(saved_page(FILES, self.lines, 1))

    def test_the_events_are_in_it(self) -> None:
        self.assertEqual([{key: value for key, value in json.loads(line).items() if key != "s"}
                          for line in self.lines], events_in(self.page.recording))
        self.assertEqual((3, 1, False), tuple(self.page.recording[key]
                                              for key in ("count", "first", "dropped")))

    def test_it_says_whether_older_events_are_missing(self) -> None:
        found = Page(saved_page(FILES, self.lines[1:], 2)).recording
        self.assertEqual((2, 2, True), tuple(found[key] for key in ("count", "first", "dropped")))

    def test_it_asks_for_nothing(self) -> None:
        for tag, attributes in self.page.tags:
            self.assertFalse({"src", "srcset"} & attributes.keys(), tag)
            self.assertNotIn(tag, ("link", "iframe", "object", "base"))

    def test_scripts_and_styles_are_inside_in_their_order(self) -> None:
        self.assertEqual([("style", FILES["style.css"].body.decode()),
                          ("script", FILES["one.js"].body.decode()),
                          ("script", FILES["two.js"].body.decode())],
                         [self.page.texts[0], *self.page.texts[2:]])

    def test_scripts_stand_behind_what_they_need(self) -> None:
        names = [tag for tag, _ in self.page.tags]
        self.assertGreater(names.index("script"), names.index("p"))

    def test_only_its_own_scripts_may_run(self) -> None:
        """By their hashes; the policy comes before all that it is for."""
        policy = dict(part.strip().split(" ", 1) for part in self.page.policy.split(";"))
        self.assertEqual("'none'", policy["default-src"])
        self.assertEqual("'none'", policy["base-uri"])
        self.assertEqual("'none'", policy["form-action"])
        for tag, directive in (("script", "script-src"), ("style", "style-src")):
            hashes = [f"'sha256-{sha256_of(text)}'" for name, text in self.page.texts
                      if name == tag and not text.startswith('{"form"')]
            self.assertEqual(hashes, policy[directive].split())
        self.assertEqual(["html", "head", "meta", "meta"],
                         [tag for tag, _ in self.page.tags][:4])

    def test_what_an_event_says_never_ends_a_script(self) -> None:
        text = saved_page(FILES, self.lines, 1).decode()
        self.assertEqual(3, len(re.findall("<script", text)))
        self.assertEqual(3, len(re.findall("</script", text)))
        for found in (escaped({"who": EVIL}), recording(self.lines, 1)):
            self.assertIsNone(re.search("[<>&]", found))
        self.assertEqual({"who": EVIL}, json.loads(escaped({"who": EVIL})))

    def test_a_script_that_cannot_stand_inside_a_page_is_refused(self) -> None:
        for text in (b'"</script>"', b'"</SCRIPT "', b'"<!--"', b'"<script"'):
            with self.assertRaisesRegex(ValueError, "one.js"):
                saved_page({**FILES, "one.js": WebFile("", text)}, [], 1)
        with self.assertRaisesRegex(ValueError, "style.css"):
            saved_page({**FILES, "style.css": WebFile("", b"</style>")}, [], 1)


class TheRealPage(unittest.TestCase):
    def setUp(self) -> None:
        self.files = web_files.load()

    def test_it_can_be_saved(self) -> None:
        page = Page(saved_page(self.files, [b'{"s":1,"k":"start","t":0}'], 1))
        scripts = [name for name in self.files if name.endswith(".js")]
        self.assertEqual(len(scripts) + 1, sum(tag == "script" for tag, _ in page.tags))
        for tag, attributes in page.tags:
            self.assertNotIn("src", attributes, tag)
            # The icon is data.
            if tag == "link":
                self.assertTrue((attributes.get("href") or "").startswith("data:"), attributes)

    def test_no_style_or_handler_stands_in_a_tag(self) -> None:
        """The policy would not let it work."""
        for tag, attributes in Page(self.files[INDEX].body).tags:
            for name in attributes:
                self.assertFalse(name == "style" or name.startswith("on"), (tag, name))

    def test_an_hour_at_two_calls_a_second_is_below_5_mb(self) -> None:
        """Three minutes of it are measured: DEFLATE looks back 32 KiB, which is a second."""
        part = lines(180)
        self.assertGreater(20 * len(part), 160_000)
        around = len(saved_page(self.files, [], 1))
        self.assertLess(around + 20 * len(recording(part, 1)), MAX_HOUR_BYTES)


if __name__ == "__main__":
    unittest.main()
