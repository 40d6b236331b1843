"""What is taken out of a text before anything else sees it, once, at the door.

Hidden characters (zero width, direction overrides, tag characters) can carry instructions that no reader of the page
sees; NUL and other controls break databases. A control character becomes a space rather than nothing, and no character
is composed or decomposed, so that offsets stay those of the file wherever possible.
"""

from __future__ import annotations

import re

_HIDDEN_MARKS = "\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2060\ufeff\ufff9\ufffa\ufffb"
HIDDEN = frozenset([*map(ord, _HIDDEN_MARKS), *range(0x202A, 0x202F), *range(0x2061, 0x2070), *range(0xE0000, 0xE0080)])
"""Code points that show nothing. The joiners U+200C and U+200D stay: Persian, Hindi and emoji need them."""

_BREAKS = dict.fromkeys([0x0B, 0x0C, 0x0D, 0x85, 0x2028, 0x2029], "\n")
_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], " ")
_SPACES = dict.fromkeys([0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000], " ")
_UNUSABLE = dict.fromkeys([*range(0xD800, 0xE000), 0xFFFE, 0xFFFF], "\ufffd")
CLEAN: dict[int, str] = {
    **_CONTROLS,
    **_SPACES,
    **_BREAKS,
    **_UNUSABLE,
    **dict.fromkeys(HIDDEN, ""),
    0x09: "\t",
    0x0A: "\n",
}
"""For `str.translate`: line breaks, spaces and controls made plain, hidden characters dropped."""

_HIDDEN_RUN = re.compile("[" + "".join(map(chr, sorted(HIDDEN))) + "]")


def clean_text(text: str) -> tuple[str, int]:
    """Return the text with plain line breaks and without hidden characters, and how many of those there were."""
    hidden = len(_HIDDEN_RUN.findall(text.replace("\u00ad", "")))
    return text.replace("\r\n", "\n").translate(CLEAN), hidden
