"""Header compression: every example of RFC 7541, all symbols, and what no hostile block may do."""

from __future__ import annotations

import random
import unittest
from collections.abc import Sequence

from interop.grpc import huffman
from interop.grpc.hpack import (
    ENTRY_BYTES,
    HUFFMAN,
    KEPT_BLOCK_BYTES,
    KEPT_BLOCKS,
    LITERAL_KEPT,
    NO_TABLE,
    STATIC,
    TABLE_BYTES,
    TABLE_SIZE,
    BadBlock,
    Decoder,
    Field,
    TooManyFields,
    decode_integer,
    encode,
    encode_integer,
    encode_string,
)

GET = (b":method", b"GET")
FIRST = (GET, (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"www.example.com"))
SECOND = (*FIRST, (b"cache-control", b"no-cache"))
THIRD = (GET, (b":scheme", b"https"), (b":path", b"/index.html"),
         (b":authority", b"www.example.com"), (b"custom-key", b"custom-value"))
DATE = (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT")
LATER = (b"date", b"Mon, 21 Oct 2013 20:13:22 GMT")
LOCATION = (b"location", b"https://www.example.com")
PRIVATE = (b"cache-control", b"private")
REPLIES = (
    ((b":status", b"302"), PRIVATE, DATE, LOCATION),
    ((b":status", b"307"), PRIVATE, DATE, LOCATION),
    ((b":status", b"200"), PRIVATE, LATER, LOCATION, (b"content-encoding", b"gzip"),
     (b"set-cookie", b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1")))

# Section of appendix C -> blocks of one connection, with their fields and the bytes of the table.
Example = Sequence[tuple[str, tuple[Field, ...], int]]
EXAMPLES: dict[str, Example] = {
    "C.2.1": [("400a637573746f6d2d6b65790d637573746f6d2d686561646572",
               ((b"custom-key", b"custom-header"),), 55)],
    "C.2.2": [("040c2f73616d706c652f70617468", ((b":path", b"/sample/path"),), 0)],
    "C.2.3": [("100870617373776f726406736563726574", ((b"password", b"secret"),), 0)],
    "C.2.4": [("82", (GET,), 0)],
    "C.3": [("828684410f7777772e6578616d706c652e636f6d", FIRST, 57),
            ("828684be58086e6f2d6361636865", SECOND, 110),
            ("828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565", THIRD, 164)],
    "C.4": [("828684418cf1e3c2e5f23a6ba0ab90f4ff", FIRST, 57),
            ("828684be5886a8eb10649cbf", SECOND, 110),
            ("828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf", THIRD, 164)],
    "C.5": [("4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a32"
             "3120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d", REPLIES[0], 222),
            ("4803333037c1c0bf", REPLIES[1], 222),
            ("88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a6970"
             "7738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d61"
             "67653d333630303b2076657273696f6e3d31", REPLIES[2], 215)],
    "C.6": [("488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad"
             "171863c78f0b97c8e9ae82ae43d3", REPLIES[0], 222),
            ("4883640effc1c0bf", REPLIES[1], 222),
            ("88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2"
             "e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
             REPLIES[2],
             215)],
}
# The tables of the examples C.5 and C.6 hold 256 bytes.
SMALL_TABLE = {"C.5": 256, "C.6": 256}


def literal(name: bytes, value: bytes) -> bytes:
    """A field that the table is to keep."""
    return bytes([LITERAL_KEPT]) + encode_string(name) + encode_string(value)


class Huffman(unittest.TestCase):
    def test_the_code_words_of_the_rfc(self) -> None:
        """The table of appendix B, at its begin, its end, and places between."""
        words = {0: 0x1ff8, 1: 0x7fffd8, 10: 0x3ffffffc, 48: 0x0, 32: 0x14, 65: 0x21, 126: 0x1ffd,
                 200: 0x3ffffe2, 199: 0x1ffffec, 249: 0xffffffe, 255: 0x3ffffee}
        for symbol, code in words.items():
            with self.subTest(symbol):
                self.assertEqual(int(huffman._WORDS[symbol], 2), code)
        self.assertEqual(huffman._WORDS[huffman.END], "1" * 30)

    def test_no_code_word_begins_another_and_none_is_missing(self) -> None:
        words = huffman._WORDS
        self.assertEqual(sum(2 ** (30 - len(word)) for word in words), 2 ** 30)
        self.assertEqual(len(set(words)), 257)

    def test_all_symbols_alone_and_in_pairs(self) -> None:
        for first in range(256):
            self.assertEqual(huffman.decode(huffman.encode(bytes([first]))), bytes([first]))
            text = b"".join(bytes([first, second]) for second in range(256))
            self.assertEqual(huffman.decode(huffman.encode(text)), text)
        self.assertEqual(huffman.decode(b""), b"")

    def test_padding_is_ones_and_shorter_than_a_byte(self) -> None:
        # "a" is 00011.
        self.assertEqual(huffman.decode(bytes([0b00011111])), b"a")
        for wrong in (bytes([0b00011000]), bytes([0b00011110]), bytes([0b00011111, 0xFF]), b"\xff",
                      # "0" is 00000: eight bits of padding behind eight symbols.
                      huffman.encode(b"0" * 8) + b"\xff"):
            with self.subTest(wrong), self.assertRaises(huffman.BadHuffman):
                huffman.decode(wrong)

    def test_the_symbol_for_the_end_is_in_no_string(self) -> None:
        for wrong in (b"\xff\xff\xff\xfc", b"\xff\xff\xff\xff", b"\x1f\xff\xff\xff\xff\xff"):
            with self.subTest(wrong), self.assertRaises(huffman.BadHuffman):
                huffman.decode(wrong)


class Integers(unittest.TestCase):
    def test_the_examples_of_the_rfc(self) -> None:
        """C.1.1 to C.1.3."""
        for value, bits, block in ((10, 5, b"\x0a"), (1337, 5, b"\x1f\x9a\x0a"), (42, 8, b"\x2a")):
            self.assertEqual(encode_integer(value, bits), block)
            self.assertEqual(decode_integer(block, 0, bits), (value, len(block)))

    def test_there_and_back(self) -> None:
        for bits in range(1, 9):
            for value in (0, 1, 2 ** bits - 2, 2 ** bits - 1, 2 ** bits, 127, 128, 16_383, 2 ** 27):
                block = encode_integer(value, bits)
                self.assertEqual(decode_integer(block + b"?", 0, bits), (value, len(block)))

    def test_one_that_is_too_large_or_has_no_end(self) -> None:
        for block in (b"\x1f\xff\xff\xff\xff\x0f", b"\x1f" + b"\x80" * 100, b"\x1f\x80", b"\x1f"):
            with self.subTest(block), self.assertRaises(BadBlock):
                decode_integer(block, 0, 5)


class Strings(unittest.TestCase):
    def test_the_shorter_form(self) -> None:
        self.assertEqual(encode_string(b"\0\xff"), b"\x02\0\xff")
        self.assertEqual(encode_string(b"aaaa"), b"\x83\x18\xc6\x3f")
        self.assertEqual(encode_string(b""), b"\0")


class Decoding(unittest.TestCase):
    def test_the_examples_of_the_rfc(self) -> None:
        """C.2 to C.6: fields and table of each block."""
        for section, blocks in EXAMPLES.items():
            decoder = Decoder(SMALL_TABLE.get(section, TABLE_BYTES))
            for block, fields, table_bytes in blocks:
                with self.subTest(section, block=block):
                    self.assertEqual(decoder.decode(bytes.fromhex(block)), fields)
                    self.assertEqual(decoder.table_bytes, table_bytes)
        self.assertEqual(decoder.table[0][0], b"set-cookie")

    def test_a_block_of_indexes_means_what_the_table_says_now(self) -> None:
        """It is kept only as long as the table is the same."""
        decoder = Decoder()
        decoder.decode(literal(b"a", b"1"))
        newest = encode_integer(len(STATIC) + 1, 7, 0x80)
        self.assertEqual(decoder.decode(newest), ((b"a", b"1"),))
        decoder.decode(literal(b"b", b"2"))
        self.assertEqual(decoder.decode(newest), ((b"b", b"2"),))
        decoder.decode(bytes([TABLE_SIZE]))
        with self.assertRaises(BadBlock):
            decoder.decode(newest)

    def test_the_same_bytes_are_decoded_once(self) -> None:
        decoder = Decoder()
        blocks = (b"\x82", b"\x20\x83", b"\x04\x01/")
        for block in blocks:
            decoder.decode(block)
        first = [decoder.decode(block) for block in blocks]
        for block, fields in zip(blocks, first):
            self.assertIs(decoder.decode(block), fields)

    def test_kept_blocks_are_bounded(self) -> None:
        decoder = Decoder()
        for first in range(1, 62):
            for second in range(1, 62):
                decoder.decode(bytes([0x80 | first, 0x80 | second]))
                self.assertLessEqual(len(decoder._kept_blocks), KEPT_BLOCKS)
        decoder = Decoder()
        decoder.decode(b"\x82" * (KEPT_BLOCK_BYTES + 1))
        self.assertEqual(decoder._kept_blocks, {})

    def test_a_block_that_changes_the_table_is_not_kept(self) -> None:
        """Read again, it has to change the table again."""
        decoder = Decoder()
        for count in (1, 2):
            decoder.decode(literal(b"a", b"1"))
            self.assertEqual(len(decoder.table), count)
        for _ in range(2):
            decoder.decode(b"\x20" + encode_integer(TABLE_BYTES, 5, TABLE_SIZE))
            self.assertEqual(decoder.table, [])
            decoder.decode(literal(b"a", b"1"))

    def test_the_table_holds_what_was_agreed(self) -> None:
        decoder = Decoder()
        for number in range(1000):
            decoder.decode(literal(b"name", b"%d" % number))
            self.assertLessEqual(decoder.table_bytes, TABLE_BYTES)
        self.assertEqual(decoder.table_bytes,
                         sum(len(name) + len(value) + ENTRY_BYTES for name, value in decoder.table))
        self.assertEqual(decoder.table[0], (b"name", b"999"))

    def test_an_entry_that_is_larger_than_the_table_empties_it(self) -> None:
        decoder = Decoder()
        decoder.decode(literal(b"a", b"1"))
        self.assertEqual(decoder.decode(literal(b"a", b"1" * TABLE_BYTES)),
                         ((b"a", b"1" * TABLE_BYTES),))
        self.assertEqual((decoder.table, decoder.table_bytes), ([], 0))

    def test_a_smaller_table_drops_the_oldest(self) -> None:
        decoder = Decoder()
        decoder.decode(literal(b"a", b"1") + literal(b"b", b"2"))
        decoder.decode(encode_integer(34, 5, TABLE_SIZE))
        self.assertEqual(decoder.table, [(b"b", b"2")])

    def test_a_name_of_the_table(self) -> None:
        decoder = Decoder()
        decoder.decode(literal(b"name", b"1"))
        named = encode_integer(len(STATIC) + 1, 6, LITERAL_KEPT) + encode_string(b"2")
        self.assertEqual(decoder.decode(named), ((b"name", b"2"),))

    def test_what_is_no_block(self) -> None:
        size = encode_integer(TABLE_BYTES + 1, 5, TABLE_SIZE)
        for why, block in (("index 0", b"\x80"), ("no such entry", b"\xbe"),
                           ("no such name", b"\x7f\x00\x01a"), ("a larger table", size),
                           ("a size behind a field", b"\x82\x20"), ("no name", b"\x40"),
                           ("half a value", b"\x40\x01a\x05b"),
                           ("a size that looks like a field", b"\x82\x21\x01a"),
                           ("no value", b"\x40\x01a"), ("half a name", b"\x40\x02a"),
                           ("wrong padding", b"\x40" + bytes([HUFFMAN | 1]) + b"\x18\x01a"),
                           ("a huge index", b"\xff\xff\xff\xff\xff\xff\x7f")):
            with self.subTest(why), self.assertRaises(BadBlock):
                Decoder().decode(block)

    def test_a_bomb_of_a_few_bytes(self) -> None:
        """A field of 4,000 bytes, named 16,000 times: read to its end, and not kept."""
        decoder = Decoder()
        decoder.decode(literal(b"a", b"1" * 4000))
        bomb = encode_integer(len(STATIC) + 1, 7, 0x80) * 16_000
        with self.assertRaises(TooManyFields):
            decoder.decode(bomb)

    def test_a_block_that_is_too_large_still_changes_the_table(self) -> None:
        decoder = Decoder(max_list_bytes=100)
        with self.assertRaises(TooManyFields):
            decoder.decode(literal(b"a", b"1" * 100) + literal(b"b", b"2"))
        self.assertEqual(decoder.decode(b"\xbe"), ((b"b", b"2"),))


class Encoding(unittest.TestCase):
    FIELDS = ((b":status", b"200"), (b"content-type", b"application/grpc"), (b":status", b"418"),
              (b"authorization", b"secret"), (b"x", b""), (b"long", b"v" * 5000),
              (b"grpc-message", bytes(range(33, 127))))

    def test_the_decoder_reads_it(self) -> None:
        self.assertEqual(Decoder(max_list_bytes=2 ** 20).decode(encode(self.FIELDS)), self.FIELDS)

    def test_the_peer_keeps_no_table(self) -> None:
        """Each block begins with a table of 0 bytes, and puts nothing into it."""
        decoder = Decoder(max_list_bytes=2 ** 20)
        for _ in range(2):
            block = encode(self.FIELDS)
            self.assertTrue(block.startswith(NO_TABLE))
            decoder.decode(block)
            self.assertEqual(decoder.table, [])

    def test_an_entry_of_the_first_table_is_one_byte(self) -> None:
        for index, field in enumerate(STATIC, 1):
            if field[1]:
                self.assertEqual(encode([field]), NO_TABLE + bytes([0x80 | index]))

    def test_secrets_are_never_to_be_kept(self) -> None:
        """RFC 7541, section 7.1.3."""
        self.assertEqual(encode([(b"authorization", b"x")])[1] & 0xF0, 0x10)

    def test_random_fields_there_and_back(self) -> None:
        rng = random.Random(7541)
        decoder = Decoder()
        for _ in range(300):
            fields = tuple((bytes(rng.choices(range(97, 123), k=rng.randrange(1, 20))),
                            rng.randbytes(rng.randrange(60))) for _ in range(rng.randrange(8)))
            self.assertEqual(decoder.decode(encode(fields)), fields)


if __name__ == "__main__":
    unittest.main()
