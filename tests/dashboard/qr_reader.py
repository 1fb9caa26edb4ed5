"""A reader of QR codes, written apart from the writer: from the square back to the text.

It follows ISO/IEC 18004:2015 in the other direction, and shares nothing with dashboard/qr.py.
"""

from __future__ import annotations

# What the standard lists for level M and the masks 0 to 7 (annex C, table C.1).
FORMATS = ["101010000010010", "101000100100101", "101111001111100", "101101101001011",
           "100010111111001", "100000011001110", "100111110010111", "100101010100000"]
# The version information of 7 to 10 (annex D, table D.1).
VERSION_INFORMATION = {7: 0x07C94, 8: 0x085BC, 9: 0x09A99, 10: 0x0A4D3}
# Version -> [(how many blocks, bytes in all, bytes of data)], level M (table 9).
BLOCKS = {
    1: [(1, 26, 16)], 2: [(1, 44, 28)], 3: [(1, 70, 44)], 4: [(2, 50, 32)], 5: [(2, 67, 43)],
    6: [(4, 43, 27)], 7: [(4, 49, 31)], 8: [(2, 60, 38), (2, 61, 39)],
    9: [(3, 58, 36), (2, 59, 37)], 10: [(4, 69, 43), (1, 70, 44)]}
CENTRES = {1: [], 2: [6, 18], 3: [6, 22], 4: [6, 26], 5: [6, 30], 6: [6, 34], 7: [6, 22, 38],
           8: [6, 24, 42], 9: [6, 26, 46], 10: [6, 28, 50]}


class Unreadable(Exception):
    """What is wrong with a square."""


def read_qr(rows: list[str]) -> bytes:
    """The text of a square without a damage. Raises Unreadable."""
    size = len(rows)
    version = (size - 17) // 4
    if {len(row) for row in rows} != {size} or version not in BLOCKS or size != 17 + 4 * version:
        raise Unreadable("its size")
    _check_patterns(rows, version)
    mask = _mask(rows)
    blocks = _blocks(_codewords(rows, version, mask), version)
    return _text(blocks, version)


def _check_patterns(rows: list[str], version: int) -> None:
    size = len(rows)
    frame = ["1111111", "1000001", "1011101", "1011101", "1011101", "1000001", "1111111"]
    for top, left in ((0, 0), (0, size - 7), (size - 7, 0)):
        if [row[left:left + 7] for row in rows[top:top + 7]] != frame:
            raise Unreadable(f"the frame at {top}, {left}")
    light = "00000000"
    for line in (rows[7][:8], rows[7][-8:], rows[-8][:8]):
        if line != light:
            raise Unreadable("a line beside a frame")
    if "".join(row[7] for row in rows)[:8] != light or \
            "".join(row[7] for row in rows)[-8:] != light or \
            "".join(row[-8] for row in rows)[:8] != light:
        raise Unreadable("a line beside a frame")
    timing = "".join("10"[at % 2] for at in range(8, size - 8))
    if rows[6][8:-8] != timing or "".join(row[6] for row in rows)[8:-8] != timing:
        raise Unreadable("a timing pattern")
    for top, left in _alignment(version, size):
        if [row[left - 2:left + 3] for row in rows[top - 2:top + 3]] != \
                ["11111", "10001", "10101", "10001", "11111"]:
            raise Unreadable("an alignment pattern")
    if version >= 7:
        bits = f"{VERSION_INFORMATION[version]:018b}"[::-1]
        beside = "".join(rows[at // 3][size - 11 + at % 3] for at in range(18))
        below = "".join(rows[size - 11 + at % 3][at // 3] for at in range(18))
        if beside != bits or below != bits:
            raise Unreadable("the version")


def _alignment(version: int, size: int) -> list[tuple[int, int]]:
    corners = {(6, 6), (6, size - 7), (size - 7, 6)}
    return [(top, left) for top in CENTRES[version] for left in CENTRES[version]
            if (top, left) not in corners]


def _mask(rows: list[str]) -> int:
    size = len(rows)
    # From the highest bit to the lowest: figure 25 of the standard.
    near = rows[8][:6] + rows[8][7:9] + rows[7][8] + "".join(rows[at][8] for at in range(5, -1, -1))
    far = "".join(rows[size - 1 - at][8] for at in range(7)) + rows[8][size - 8:]
    if near != far or rows[size - 8][8] != "1":
        raise Unreadable("two formats")
    if near not in FORMATS:
        raise Unreadable("a format that is not of level M")
    return FORMATS.index(near)


def _turns(mask: int, i: int, j: int) -> bool:
    """Table 10, with the names of the standard: i is the row, j the column."""
    return [(i + j) % 2, i % 2, j % 3, (i + j) % 3, (i // 2 + j // 3) % 2,
            (i * j) % 2 + (i * j) % 3, ((i * j) % 2 + (i * j) % 3) % 2,
            ((i + j) % 2 + (i * j) % 3) % 2][mask] == 0


def _is_data(i: int, j: int, version: int, size: int) -> bool:
    in_corner = (i < 9 and j < 9) or (i < 9 and j >= size - 8) or (i >= size - 8 and j < 9)
    in_version = version >= 7 and ((i < 6 and j >= size - 11) or (j < 6 and i >= size - 11))
    aligned = any(abs(i - top) <= 2 and abs(j - left) <= 2
                  for top, left in _alignment(version, size))
    return not (in_corner or in_version or aligned or i == 6 or j == 6)


def _codewords(rows: list[str], version: int, mask: int) -> bytes:
    size, bits = len(rows), ""
    j, upwards = size - 1, True
    while j > 0:
        # The vertical timing pattern is no column of data.
        if j == 6:
            j -= 1
        for i in (range(size - 1, -1, -1) if upwards else range(size)):
            for column in (j, j - 1):
                if _is_data(i, column, version, size):
                    bits += str(int(rows[i][column]) ^ _turns(mask, i, column))
        j, upwards = j - 2, not upwards
    count = sum(number * total for number, total, _ in BLOCKS[version])
    if "1" in bits[count * 8:]:
        raise Unreadable("the places that remain")
    return bytes(int(bits[at:at + 8], 2) for at in range(0, count * 8, 8))


def _blocks(codewords: bytes, version: int) -> list[bytes]:
    """The data of each block, whose check bytes are right."""
    sizes = [(total, data) for number, total, data in BLOCKS[version] for _ in range(number)]
    found: list[list[int]] = [[] for _ in sizes]
    source = iter(codewords)
    for at in range(max(data for _, data in sizes)):
        for block, (_, data) in zip(found, sizes):
            if at < data:
                block.append(next(source))
    for _ in range(sizes[0][0] - sizes[0][1]):
        for block in found:
            block.append(next(source))
    for block, (total, data) in zip(found, sizes):
        if any(syndromes(block, total - data)):
            raise Unreadable("check bytes")
    return [bytes(block[:data]) for block, (_, data) in zip(found, sizes)]


def syndromes(block: list[int], count: int) -> list[int]:
    """A block as a polynomial, at 2^0, 2^1, ...: all are 0 where nothing is damaged."""
    logs, powers, value = {}, [], 1
    for power in range(255):
        logs[value] = power
        powers.append(value)
        value = value * 2 if value < 128 else (value * 2) ^ 285
    found = []
    for root in range(count):
        total = 0
        for place, byte in enumerate(reversed(block)):
            if byte:
                total ^= powers[(logs[byte] + root * place) % 255]
        found.append(total)
    return found


def _text(blocks: list[bytes], version: int) -> bytes:
    bits = "".join(f"{byte:08b}" for block in blocks for byte in block)
    if bits[:4] != "0100":
        raise Unreadable("not in the mode for bytes")
    start = 12 if version < 10 else 20
    length = int(bits[4:start], 2)
    end = start + length * 8
    rest = bits[end:]
    if rest[:4] != "0000"[:len(rest)]:
        raise Unreadable("no end")
    fill = rest[4:]
    if fill != ("1110110000010001" * len(fill))[:len(fill)]:
        raise Unreadable("what fills the rest")
    return bytes(int(bits[at:at + 8], 2) for at in range(start, end, 8))
