"""A stream like a console: its encoding may lack characters, and it may be a terminal."""

from __future__ import annotations

import io


class Stream(io.StringIO):
    """Keeps what is written; raises UnicodeEncodeError for what its encoding lacks."""

    def __init__(self, encoding: str = "utf-8", *, terminal: bool = False) -> None:
        super().__init__()
        self.encoding_name, self.terminal = encoding, terminal

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.encoding_name

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        text.encode(self.encoding_name)
        return super().write(text)
