"""The charset of Content-Type: a body in another one than UTF-8 is read as its sender means it.

The problem: a sender names the encoding of its XML in two places, as charset of Content-Type and in
the XML declaration. Readers that believe one of them read other letters than those that believe the
other, and nobody notices before a name is written wrong.

The idea: a body of ASCII is the same in all of them. For any other body, the two must agree where
both are there; where only the charset is there, it counts. A byte order mark at the beginning of
the body overrides both (RFC 7303 section 3).
"""

from __future__ import annotations

import codecs
import re

from ponte.net.message import ProtocolError

# A parameter of Content-Type (RFC 9110 section 5.6.6). What stands in the quotes of another one is
# passed over, whatever it looks like.
_CHARSET = re.compile(r'(?:[^"]|"(?:[^"\\]|\\.)*(?:"|\\?$))*?'
                      r';[ \t]*charset[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)|([^\s;"]*))',
                      re.IGNORECASE)
# Others are rare, and Python would remember the name of each for ever.
_READ = re.compile("utf-?8|(us-)?ascii|latin-?1|iso-8859-[0-9]{1,2}|(windows-|cp)125[0-8]",
                   re.IGNORECASE)
_DECLARED = re.compile(rb"""<\?xml\s[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_BYTE_ORDER_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def in_utf_8(body: bytes, content_type: str) -> bytes:
    """The XML in `body`, of this Content-Type: as it is, if what is in it tells its encoding.

    Else it comes out in UTF-8. Raises ProtocolError: 415 for a charset that is not read here, and
    where the XML declaration names another one; 400 for bytes that the charset does not have.

    >>> in_utf_8("ação".encode("latin-1"), "text/xml; charset=ISO-8859-1").decode()
    'ação'
    """
    # Nearly always. This is on the way of every call.
    if body.isascii():
        return body
    charset = _charset(content_type)
    if not charset or body.startswith(_BYTE_ORDER_MARKS):
        return body
    # 1. A charset that is known.
    name = _codec(charset)
    if not name:
        raise ProtocolError(415, f"the charset {charset[:20]!r} is not read here: send utf-8")
    # 2. The declaration, which the parser reads for itself, says the same.
    declared = _DECLARED.match(body)
    if declared:
        encoding = declared[1].decode()
        if _codec(encoding) != name:
            raise ProtocolError(415, f"Content-Type says {charset[:20]}, and the XML "
                                     f"declaration {encoding[:20]}: send utf-8")
        return body
    # 3. The charset alone says it.
    try:
        return body if name == "utf-8" else body.decode(name).encode()
    except UnicodeDecodeError:
        raise ProtocolError(400, f"the body is not in {charset[:20]}, which its Content-Type "
                                 "says") from None


def _charset(content_type: str) -> str:
    """The charset that a Content-Type names; "" without one."""
    found = _CHARSET.match(content_type)
    if not found:
        return ""
    return re.sub(r"\\(.)", r"\1", found[1]) if found[1] else found[2] or ""


def _codec(name: str) -> str:
    """What Python calls this encoding; "" if it is not read here."""
    try:
        return codecs.lookup(name).name if _READ.fullmatch(name) else ""
    except LookupError:
        return ""
