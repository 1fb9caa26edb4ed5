"""The other implementation of HPACK: `hpack` of PyPI, driven by lines of JSON.

A line is a list of header blocks in hex, and one of lists of fields (each two strings in hex). The
answer is the fields of those blocks, and the blocks of those fields, decoded and encoded in their
order by one decoder and one encoder, as on one connection.
"""

from __future__ import annotations

import importlib
import json
import sys


def main() -> None:
    hpack = importlib.import_module("hpack")
    asked = json.load(sys.stdin)
    decoder, encoder = hpack.Decoder(max_header_list_size=1 << 20), hpack.Encoder()
    fields = [[[bytes(part).hex() for part in field]
               for field in decoder.decode(bytes.fromhex(block), raw=True)]
              for block in asked["blocks"]]
    blocks = [encoder.encode([tuple(bytes.fromhex(part) for part in field) for field in given],
                             huffman=number % 2 == 0).hex()
              for number, given in enumerate(asked["fields"])]
    json.dump({"fields": fields, "blocks": blocks}, sys.stdout)


if __name__ == "__main__":
    main()
