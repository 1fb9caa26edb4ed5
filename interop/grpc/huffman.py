"""The Huffman code of header strings (RFC 7541, section 5.2 and appendix B). Pure.

The problem: the text of headers uses few characters often, and most bytes never. A code that gives
short words to frequent bytes makes it a third shorter.

The idea: the code is *canonical*: sorted by length, then by value, each code word is the one before
it plus one, widened by zeros. So the lengths alone are the whole table.

A string is decoded by a machine that eats four bits a step. Its states are the inner nodes of the
code's tree, which are the places *within* a code word. A step leads to another state, and finishes
one symbol or none, since no code word is shorter than five bits.

>>> encode(b"www.example.com").hex()
'f1e3c2e5f23a6ba0ab90f4ff'
>>> decode(bytes.fromhex("f1e3c2e5f23a6ba0ab90f4ff"))
b'www.example.com'
"""

from __future__ import annotations

# The symbol that no string contains: the end of a string is padded with the begin of its code.
END = 256
# Bits in the code words of the bytes 0 to 255, and of END.
LENGTHS = (
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5,
    6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23,
    23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20,
    22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22,
    22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26,
    27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
    25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30)


class BadHuffman(ValueError):
    """Bytes that no string is coded as."""


def _code_words() -> list[str]:
    """The code word of each symbol, as text of zeros and ones."""
    words = [""] * len(LENGTHS)
    code, width = 0, 0
    for length, symbol in sorted((length, symbol) for symbol, length in enumerate(LENGTHS)):
        code <<= length - width
        width = length
        words[symbol] = f"{code:0{width}b}"
        code += 1
    return words


_WORDS = _code_words()
# A step of the machine: the next state (None: an error), and the symbol that it finishes.
_Step = tuple["int | None", bytes]


def _machine() -> tuple[list[list[_Step]], frozenset[int]]:
    """The steps of each state by the value of four bits, and the states in which a string may end.
    """
    symbols = {word: symbol for symbol, word in enumerate(_WORDS)}
    inner = sorted({word[:length] for word in _WORDS for length in range(len(word))}, key=len)
    states = {place: number for number, place in enumerate(inner)}

    def step(place: str, bits: str) -> _Step:
        finished = b""
        for bit in bits:
            place += bit
            if place in symbols:
                if symbols[place] == END:
                    return None, b""
                finished, place = bytes([symbols[place]]), ""
        return states[place], finished

    steps = [[step(place, f"{value:04b}") for value in range(16)] for place in inner]
    # RFC 7541, section 5.2: padding is the begin of END, all ones, and shorter than a byte.
    return steps, frozenset(states["1" * length] for length in range(8))


_STEPS, _ENDS = _machine()


def encode(text: bytes) -> bytes:
    """The code of a string: its last byte is padded with ones."""
    bits = "".join([_WORDS[byte] for byte in text])
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big") if bits else b""


def decode(coded: bytes) -> bytes:
    """The string of a code. Raises BadHuffman: END in it, or padding that is not its begin."""
    state: int | None = 0
    found = []
    for byte in coded:
        state, symbol = _STEPS[state or 0][byte >> 4]
        if symbol:
            found.append(symbol)
        if state is None:
            break
        state, symbol = _STEPS[state][byte & 15]
        if symbol:
            found.append(symbol)
        if state is None:
            break
    if state not in _ENDS:
        raise BadHuffman("a string with a symbol for its end in it, or with wrong padding")
    return b"".join(found)
