"""A text that is still being written, so cut that what is on the screen stays where it is when the rest comes."""

from __future__ import annotations

import re

_ROW = re.compile(r"[ \t>]*\|")
_DELIMITER = re.compile(r"[ \t>]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-*:?[ \t]*)*\|?[ \t]*\Z")
_FENCE = re.compile(r"(?m)^[ \t>]*(?:```|~~~)")
_OPENER = re.compile(r"(?:\A|(?<=\s))(?:\*{1,3}|_{1,3}|~~)\Z")


def steady(text: str) -> str:
    """Return what to draw of a Markdown text of which more may come.

    Rows of a table come whole, and its head with the line below it; bold that is open is closed, so that no stars are seen.

    >>> steady("It is **very")
    'It is **very**'
    >>> steady("So:\\n| a | b |")
    'So:\\n'
    """
    if len(_FENCE.findall(text)) % 2:
        return text
    start = _last_row(text)
    if start is not None:
        return text[:start]
    line = text[text.rfind("\n") + 1 :]
    if found := _OPENER.search(line):
        return text[: len(text) - len(found.group())]
    for sign in ("**", "~~"):
        if line.count(sign) % 2:  # half a closing is made a whole one
            return text.rstrip() + (sign[0] if line.endswith(sign[0]) and not line.endswith(sign) else sign)
    return text


def _last_row(text: str) -> int | None:
    """Return where a row of a table begins that cannot be drawn yet; None when the text does not end in one."""
    lines = text.split("\n")
    rows = 0
    while rows < len(lines) and (_ROW.match(lines[-1 - rows]) or (rows == 0 and not lines[-1])):
        rows += 1
    table = lines[len(lines) - rows :]
    if not any(table):
        return None
    if not any(_DELIMITER.match(row) for row in table[1:-1]):
        return len(text) - len("\n".join(table))
    return len(text) - len(table[-1])
