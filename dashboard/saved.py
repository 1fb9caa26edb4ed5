"""A page that is saved: one HTML file with everything in it, which opens offline and from disk.

It is the same page: index.html with its styles and scripts inside, and the events beside them, as a
block of data that no browser runs. The events are compressed (raw DEFLATE, RFC 1951, which
DecompressionStream reads) and written in base64.

What may run is named by its hash (Content-Security-Policy level 3, section 8.3): so nothing that an
event says can ever run, and nothing leaves the file, since no other source is allowed.

Scripts stand at the end of the body. In the head they would run before there is a page; `defer` has
no effect on a script that is inside the page.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from dashboard.web_files import INDEX, SCRIPT, STYLE, WebFile

# How hard zlib tries, 1 to 9. Beyond this it takes twice the time for one percent.
LEVEL = 6
# Raw DEFLATE, without a header: 15 is the largest window, of 32 KiB.
RAW = -15
# What would end a script, or change how its end is found (HTML, section 4.12.1.3).
_ENDS_A_SCRIPT = re.compile(r"</script|<script|<!--", re.IGNORECASE)
_ENDS_A_STYLE = re.compile(r"</style", re.IGNORECASE)


def saved_page(files: Mapping[str, WebFile], lines: Sequence[bytes], first: int,
               standing: Sequence[bytes] = ()) -> bytes:
    """The page with these events in it: `lines`, the first of which has the number `first`.

    `standing`: what still holds of those before. `files` as `web_files.load` gives them. Raises
    ValueError for a script that cannot stand inside a page.
    """
    page = files[INDEX].body.decode("utf-8")
    styles = [_text(files, name, _ENDS_A_STYLE) for name in STYLE.findall(page)]
    scripts = [_text(files, name, _ENDS_A_SCRIPT) for name in SCRIPT.findall(page)]
    page = SCRIPT.sub("", STYLE.sub("", page))
    head = (f'<meta http-equiv="Content-Security-Policy" content="{_policy(styles, scripts)}">\n'
            + "".join(f"<style>{style}</style>\n" for style in styles))
    data = recording(lines, first, standing)
    tail = (f'<script type="application/json" id="recording">{data}</script>\n'
            + "".join(f"<script>{script}</script>\n" for script in scripts))
    # Not by `re.sub`, to which a backslash in a script would mean something. The policy must stand
    # before everything that it is for, and the encoding in the first 1,024 bytes.
    opening, charset, rest = page.partition('<meta charset="utf-8">\n')
    before, closing, after = rest.rpartition("</body>")
    if not charset or not closing:
        raise ValueError(f"{INDEX} has no <meta charset> or no </body>")
    return f"{opening}{charset}{head}{before}{tail}{closing}{after}".encode()


def recording(lines: Sequence[bytes], first: int, standing: Sequence[bytes] = ()) -> str:
    """The events as the text of a block of data, in which no `<`, `>` or `&` is left.

    `dropped`: whether older events are missing, so that the page says from when it tells.
    """
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, RAW)
    packed = packer.compress(b"[" + b",".join(map(_without_number, lines)) + b"]")
    packed += packer.flush()
    return escaped({"form": "deflate-raw", "count": len(lines), "first": first,
                    "dropped": first > 1, "standing": list(map(json.loads, standing)),
                    "data": base64.b64encode(packed).decode("ascii")})


def escaped(value: Any) -> str:
    """JSON that can stand in HTML anywhere: `<`, `>` and `&` are written by their numbers.

    >>> escaped({"name": "</script>"})
    '{"name":"\\\\u003c/script\\\\u003e"}'
    """
    text = json.dumps(value, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _without_number(line: bytes) -> bytes:
    """An event without `s`, with which each line begins: the numbers have no gaps."""
    return b"{" + line[line.index(b",") + 1:] if line.startswith(b'{"s":') else line


def _policy(styles: Sequence[str], scripts: Sequence[str]) -> str:
    return (f"default-src 'none'; script-src {_hashes(scripts)}; style-src {_hashes(styles)}; "
            "img-src data:; base-uri 'none'; form-action 'none'")


def _hashes(texts: Sequence[str]) -> str:
    digests = (hashlib.sha256(text.encode("utf-8")).digest() for text in texts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
                    for digest in digests) or "'none'"


def _text(files: Mapping[str, WebFile], name: str, ends: re.Pattern[str]) -> str:
    text = files[name].body.decode("utf-8")
    found = ends.search(text)
    if found:
        raise ValueError(f"{name}: {found[0]!r} cannot stand inside a page")
    return text
