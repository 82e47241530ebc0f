"""CSV as RFC 4180 writes it: a quoted field may hold delimiters, line ends and doubled quotes.

A quote opens a field only as its first character; what follows a closing quote belongs to the
field as it stands; a field whose quote never closes ends with the text.
"""

from __future__ import annotations

QUOTE = b'"'


def is_open_after(line: bytes, delimiter: bytes, *, is_open: bool) -> bool:
    """Whether a quoted field is still open at the end of the physical line."""
    if QUOTE not in line:
        return is_open
    position = 0
    while True:
        if is_open or line.startswith(QUOTE, position):
            position = _after_close(line, position if is_open else position + 1)
            if position < 0:
                return True
            is_open = False
        found = line.find(delimiter, position)
        if found < 0:
            return False
        position = found + 1


def _after_close(line: bytes, position: int) -> int:
    while True:
        found = line.find(QUOTE, position)
        if found < 0:
            return -1
        if not line.startswith(QUOTE, found + 1):
            return found + 1
        position = found + 2


def split_record(text: str, delimiter: str) -> list[str]:
    """The fields of one record, unquoted."""
    if '"' not in text:
        return text.split(delimiter)
    fields: list[str] = []
    position = 0
    while True:
        quoted = ""
        if text.startswith('"', position):
            quoted, position = _quoted(text, position + 1)
        found = text.find(delimiter, position)
        fields.append(quoted + text[position : found if found >= 0 else len(text)])
        if found < 0:
            return fields
        position = found + 1


def _quoted(text: str, position: int) -> tuple[str, int]:
    start = position
    while True:
        found = text.find('"', position)
        if found < 0:
            return text[start:].replace('""', '"'), len(text)
        if not text.startswith('"', found + 1):
            return text[start:found].replace('""', '"'), found + 1
        position = found + 2
