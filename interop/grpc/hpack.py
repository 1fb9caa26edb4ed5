"""HPACK, the compression of header fields (RFC 7541): an encoder, and a decoder. Pure.

The problem: the requests of one connection repeat most of their header fields.

The idea: both ends keep a table. Its first 61 entries are the same for everybody (appendix A);
behind them stand the fields that were sent on this connection, newest first, as many as fit in an
agreed number of bytes. A field is sent as its index in the table, or as a literal, which the
receiver may be told to put into the table.

What we send uses the first part of the table only. So our blocks do not depend on each other, and
the bytes of a field are always the same: they are kept and need no second encoding. The peer's
blocks use all of it. They have to be decoded one after the other, also those that nobody wants:
a block that is passed over would leave the two tables different for ever.

A peer is not trusted. The table holds `max_table_bytes`. A block of a few bytes can name a large
field of the table a thousand times, so the fields of a block are counted, too. An integer has an
end after a few bytes.

>>> block = encode(((b":status", b"200"), (b"content-type", b"application/grpc")))
>>> Decoder().decode(block)
((b':status', b'200'), (b'content-type', b'application/grpc'))
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from interop.grpc import huffman

# (name, value)
Field = tuple[bytes, bytes]

# RFC 7541, appendix A. "name value", or a name alone.
STATIC: list[Field] = [(name, value) for name, _, value in (
    line.strip().encode().partition(b" ") for line in """\
    :authority
    :method GET
    :method POST
    :path /
    :path /index.html
    :scheme http
    :scheme https
    :status 200
    :status 204
    :status 206
    :status 304
    :status 400
    :status 404
    :status 500
    accept-charset
    accept-encoding gzip, deflate
    accept-language
    accept-ranges
    accept
    access-control-allow-origin
    age
    allow
    authorization
    cache-control
    content-disposition
    content-encoding
    content-language
    content-length
    content-location
    content-range
    content-type
    cookie
    date
    etag
    expect
    expires
    from
    host
    if-match
    if-modified-since
    if-none-match
    if-range
    if-unmodified-since
    last-modified
    link
    location
    max-forwards
    proxy-authenticate
    proxy-authorization
    range
    referer
    refresh
    retry-after
    server
    set-cookie
    strict-transport-security
    transfer-encoding
    user-agent
    vary
    via
    www-authenticate""".splitlines())]
_INDEX_OF_FIELD = {field: index for index, field in reversed(list(enumerate(STATIC, 1)))}
_INDEX_OF_NAME = {name: index for index, (name, _) in reversed(list(enumerate(STATIC, 1)))}

# The default of SETTINGS_HEADER_TABLE_SIZE (RFC 9113, section 6.5.2).
TABLE_BYTES = 4096
# What an entry counts beside its name and value (RFC 7541, section 4.1).
ENTRY_BYTES = 32
# Names and values of a block, each with ENTRY_BYTES.
LIST_BYTES = 16 * 1024
# The first bits of a representation (RFC 7541, section 6), and how many bits of an integer follow.
INDEXED, LITERAL_KEPT, TABLE_SIZE, LITERAL_NEVER, LITERAL = 0x80, 0x40, 0x20, 0x10, 0x00
# "The table has 0 bytes": each of our blocks begins with it, so that the peer keeps no field.
NO_TABLE = bytes([TABLE_SIZE])
# Bytes of an integer behind its first: no length or index of ours needs more than 2^28.
MAX_INTEGER_BYTES = 4
HUFFMAN = 0x80
# How many encoded fields are kept, and up to which length of a value.
KEPT_FIELDS, KEPT_VALUE_BYTES = 512, 128
# How many decoded blocks are kept, as long as the table stays as it is, and up to which length.
KEPT_BLOCKS, KEPT_BLOCK_BYTES = 64, 256
# Values that are written in a way that no table of a relay may keep (RFC 7541, section 7.1.3).
SECRETS = frozenset((b"authorization", b"proxy-authorization", b"cookie", b"set-cookie"))


class BadBlock(ValueError):
    """Bytes that are no header block. The table is lost: the connection has to end."""


class TooManyFields(ValueError):
    """A block with more in it than the limit. It was read to its end: the table is right."""


def encode(fields: Iterable[Field]) -> bytes:
    """A header block. Names must be in lower case: HTTP/2 has no others."""
    return NO_TABLE + b"".join([
        _kept_field(name, value) if len(value) <= KEPT_VALUE_BYTES else _encode_field(name, value)
        for name, value in fields])


def _encode_field(name: bytes, value: bytes) -> bytes:
    index = _INDEX_OF_FIELD.get((name, value))
    if index:
        return encode_integer(index, 7, INDEXED)
    kind = LITERAL_NEVER if name in SECRETS else LITERAL
    index = _INDEX_OF_NAME.get(name, 0)
    first = encode_integer(index, 4, kind)
    return first + (b"" if index else encode_string(name)) + encode_string(value)


# Most fields of replies are the same ones.
_kept_field = lru_cache(KEPT_FIELDS)(_encode_field)


def encode_integer(value: int, bits: int, first: int = 0) -> bytes:
    """An integer in the last `bits` bits of a byte, and in more bytes where it does not fit.

    `first`: the other bits of the first byte (RFC 7541, section 5.1).

    >>> encode_integer(10, 5).hex(), encode_integer(1337, 5).hex()
    ('0a', '1f9a0a')
    """
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([first | value])
    found = [first | limit]
    value -= limit
    while value >= 0x80:
        found.append(0x80 | value & 0x7F)
        value >>= 7
    return bytes([*found, value])


def encode_string(text: bytes) -> bytes:
    """A string with its length before it, in the shorter one of its two forms."""
    coded = huffman.encode(text)
    if len(coded) < len(text):
        return encode_integer(len(coded), 7, HUFFMAN) + coded
    return encode_integer(len(text), 7) + text


def decode_integer(block: bytes, at: int, bits: int) -> tuple[int, int]:
    """The integer in the last `bits` bits of the byte at `at`, and where it ends. Raises BadBlock.
    """
    limit = (1 << bits) - 1
    value = block[at] & limit
    at += 1
    if value < limit:
        return value, at
    for shift in range(0, 7 * MAX_INTEGER_BYTES, 7):
        if at >= len(block):
            raise BadBlock("a block that ends within an integer")
        value += (block[at] & 0x7F) << shift
        at += 1
        if block[at - 1] < 0x80:
            return value, at
    raise BadBlock("an integer that is too large")


def decode_string(block: bytes, at: int) -> tuple[bytes, int]:
    """The string that begins at `at`, and where it ends. Raises BadBlock."""
    if at >= len(block):
        raise BadBlock("a block that ends before a string")
    is_huffman = block[at] & HUFFMAN
    length, at = decode_integer(block, at, 7)
    end = at + length
    if end > len(block):
        raise BadBlock("a block that ends within a string")
    text = block[at:end]
    if is_huffman:
        try:
            text = huffman.decode(text)
        except huffman.BadHuffman as error:
            raise BadBlock(str(error)) from None
    return text, end


class Decoder:
    """Decodes the blocks of one direction of a connection, in the order in which they were sent.

    `max_table_bytes` is what we allowed the peer to use of our memory; `max_list_bytes` limits the
    fields of one block, counted as RFC 9113 says for SETTINGS_MAX_HEADER_LIST_SIZE.
    """

    def __init__(self, max_table_bytes: int = TABLE_BYTES,
                 max_list_bytes: int = LIST_BYTES) -> None:
        self._max_table_bytes, self._max_list_bytes = max_table_bytes, max_list_bytes
        # What the peer has chosen to use of it.
        self._limit_bytes = max_table_bytes
        # Newest first, as they are numbered.
        self._table: list[Field] = []
        # A client that calls one function again and again sends the same few bytes again and again.
        # They mean the same until the table changes.
        self._kept_blocks: dict[bytes, tuple[Field, ...]] = {}
        self._changes = 0
        self.table_bytes = 0

    @property
    def table(self) -> list[Field]:
        """The fields that the peer may name by an index, newest first."""
        return list(self._table)

    def decode(self, block: bytes) -> tuple[Field, ...]:
        """The fields of a block. Raises BadBlock, or TooManyFields."""
        kept = self._kept_blocks.get(block)
        if kept is not None:
            return kept
        changes = self._changes
        fields = self._decode(block)
        if changes == self._changes and len(block) <= KEPT_BLOCK_BYTES:
            if len(self._kept_blocks) == KEPT_BLOCKS:
                self._kept_blocks.clear()
            self._kept_blocks[block] = fields
        return fields

    def _decode(self, block: bytes) -> tuple[Field, ...]:
        fields: list[Field] = []
        at, list_bytes, end = self._read_sizes(block), 0, len(block)
        while at < end:
            first = block[at]
            if first & INDEXED:
                index, at = (first & 0x7F, at + 1) if first < 0xFF else decode_integer(block, at, 7)
                field = self._entry(index)
            elif first & LITERAL_KEPT:
                field, at = self._read_literal(block, at, 6)
                self._keep(field)
            elif first & TABLE_SIZE:
                raise BadBlock("a new size of the table behind a field")
            else:
                field, at = self._read_literal(block, at, 4)
            list_bytes += len(field[0]) + len(field[1]) + ENTRY_BYTES
            fields.append(field)
        if list_bytes > self._max_list_bytes:
            raise TooManyFields(f"header fields of {list_bytes} bytes: {self._max_list_bytes} are "
                                f"allowed")
        return tuple(fields)

    def _read_sizes(self, block: bytes) -> int:
        """Obeys new sizes of the table, which stand before all fields; returns where these begin.
        """
        at = 0
        while at < len(block) and block[at] & 0xE0 == TABLE_SIZE:
            size, at = decode_integer(block, at, 5)
            if size > self._max_table_bytes:
                raise BadBlock(f"a table of {size} bytes: {self._max_table_bytes} are allowed")
            if size != self._limit_bytes:
                self._limit_bytes = size
                self._note_change()
                self._evict()
        return at

    def _read_literal(self, block: bytes, at: int, bits: int) -> tuple[Field, int]:
        """A field that is no entry as a whole; its name may be an entry's."""
        index, at = decode_integer(block, at, bits)
        name, at = (self._entry(index)[0], at) if index else decode_string(block, at)
        value, at = decode_string(block, at)
        return (name, value), at

    def _entry(self, index: int) -> Field:
        try:
            if index > len(STATIC):
                return self._table[index - len(STATIC) - 1]
            if index:
                return STATIC[index - 1]
        except IndexError:
            pass
        raise BadBlock(f"no entry {index} in the table")

    def _keep(self, field: Field) -> None:
        """A field that is larger than the whole table empties it (RFC 7541, section 4.4)."""
        self._note_change()
        self._table.insert(0, field)
        self.table_bytes += len(field[0]) + len(field[1]) + ENTRY_BYTES
        self._evict()

    def _note_change(self) -> None:
        """The same bytes may mean something else from now on."""
        self._kept_blocks.clear()
        self._changes += 1

    def _evict(self) -> None:
        while self.table_bytes > self._limit_bytes:
            name, value = self._table.pop()
            self.table_bytes -= len(name) + len(value) + ENTRY_BYTES
