"""The marker format: the one place that reads and writes the `[n]` behind a claim.

A model may write a marker in many ways; in the text that is shown it has one form, and only the number of an excerpt that was
sent becomes a marker. A bracketed number that belongs to a document is shown, and sent, with blanks inside, as `[ 7 ]`, which
is never read as a marker.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_OPEN, _CLOSE = r"\[【［〔", r"\]】］〕"
_WORDS = "source|sources|excerpt|excerpts|passage|passages|reference|references|ref|refs|citation|cite|doc|document|page|pages|pp|p|and|to"
_BLANK = r"[ \t\u00a0\u3000]"
_NUMBER = r"[-−–]?\d{1,12}"
_PREFIX = rf"(?:(?:sources?|excerpts?|passages?|references?|refs?|citation|cite|doc(?:ument)?){_BLANK}?[.:#]?{_BLANK}?|[#^№])?"
_RANGE = rf"(?:{_BLANK}?(?:[-–—−‐‑~～]{{1,2}}|to){_BLANK}?{_PREFIX}{_NUMBER})?"
_ITEM = rf"{_PREFIX}{_NUMBER}{_RANGE}"
_SEPARATOR = rf"(?:{_BLANK}*(?:[,，、;；&+]|and){_BLANK}*|{_BLANK}+)"
_DETAIL = rf"(?:(?::\d+)?†[^\]】］〕\n]{{0,60}}|{_BLANK}?[,:]{_BLANK}?(?:pp?|pages?)\.?{_BLANK}?\d+(?:[-–]\d+)?)?"
_BODY = rf"(?P<items>{_ITEM}(?:{_SEPARATOR}{_ITEM})*){_DETAIL}"
_FORM = rf"(?:{_BLANK}?{_BODY}|{_BODY.replace('?P<items>', '?P<items2>')}{_BLANK})"
_MARKER = re.compile(rf"[{_OPEN}](?:{_FORM})[{_CLOSE}]", re.IGNORECASE)
_DOUBLE = re.compile(rf"[{_OPEN}]{{2}}(?:{_FORM})[{_CLOSE}]{{2}}", re.IGNORECASE)
_ONE_ITEM = re.compile(
    rf"(?P<first>{_NUMBER})(?:{_BLANK}?(?:[-–—−‐‑~～]{{1,2}}|to){_BLANK}?{_PREFIX}(?P<last>{_NUMBER}))?", re.IGNORECASE
)

LONGEST = 96
"""Characters of the longest marker: an open bracket is waited for no longer than this."""
_INNER = r"(?:[\d,，、;；&+#^№.:~～\-–—−‐‑ \t\u00a0\u3000A-Za-z]*|[^\]】］〕\n]*†[^\]】］〕\n]*)"
_MAY_GROW = re.compile(rf"[{_OPEN}]{_INNER}\Z|[{_OPEN}]{{2}}{_INNER}[{_CLOSE}]?\Z")
_LETTERS = re.compile(r"[A-Za-z]+")
_KNOWN = frozenset(_WORDS.split("|"))

_IN_DOCUMENT = re.compile(rf"[{_OPEN}](?P<inside>{_BLANK}*{_BODY}{_BLANK}*)[{_CLOSE}]", re.IGNORECASE)
SHOWN = re.compile(r"\[(\d{1,3})\]")
"""A marker as it is shown."""
NOT_SENT = re.compile(r"\[[^\[\]\n]{1,40}: no such source\]")


@dataclass(frozen=True, slots=True)
class Marker:
    """What one pair of brackets cites."""

    parts: tuple[int | str, ...]
    """Numbers of excerpts that were sent, and as text those that never were, in the order of the model."""

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(part for part in self.parts if isinstance(part, int))


def written(number: int) -> str:
    """Return the one form in which a marker is shown."""
    return f"[{number}]"


def not_sent(number: str) -> str:
    """Return what is shown for a marker whose excerpt was never sent: text that no reader takes for a marker."""
    return f"[{number}: no such source]"


def parted(text: str) -> tuple[str, int]:
    """Return a document's text with blanks inside each bracketed number, so that it cannot pass for a marker, and their count.

    >>> parted("as shown in [7] and 【2†page】")
    ('as shown in [ 7 ] and 【 2†page 】', 2)
    """
    return _IN_DOCUMENT.subn(lambda m: f"{m.group()[0]} {m['inside'].strip()} {m.group()[-1]}", text)


def marker_at(text: str, start: int, sent: int) -> tuple[Marker, int] | None:
    """Return the marker that begins at an opening bracket, read against `sent` excerpts, and where it ends."""
    end = start + LONGEST
    found = _DOUBLE.match(text, start, end) or _MARKER.match(text, start, end)
    if found is None:
        return None
    return Marker(tuple(_numbers(found["items"] or found["items2"], sent))), found.end()


def may_become_marker(text: str, start: int) -> bool:
    """Tell whether an opening bracket could still become a marker with what follows the end of the text."""
    tail = text[start:]
    if len(tail) >= LONGEST or not _MAY_GROW.match(tail):
        return False
    *whole, last = _LETTERS.findall(tail.partition("†")[0].lower()) or [""]
    return all(word in _KNOWN for word in whole) and any(word.startswith(last) for word in _KNOWN)


def _numbers(items: str, sent: int) -> Iterator[int | str]:
    """Yield the numbers of a marker, each once, ranges written out as far as they were sent."""
    seen: set[int | str] = set()
    for item in _ONE_ITEM.finditer(items):
        for part in _expanded(item["first"], item["last"], sent):
            if part not in seen:
                seen.add(part)
                yield part


def _expanded(first: str, last: str | None, sent: int) -> Iterator[int | str]:
    low, high = _value(first), _value(last) if last else _value(first)
    if low > high >= 0:
        low, high = high, low
    inside = range(max(low, 1), min(high, sent) + 1)
    if low < 1 and low != high:
        inside = range(0)
    yield from inside
    if not inside:
        yield f"{low}" if low == high else f"{low}–{high}"
    elif high > sent:
        yield f"{sent + 1}–{high}" if high > sent + 1 else f"{high}"


def _value(digits: str) -> int:
    sign = -1 if digits[0] in "-−–" else 1
    return sign * int(digits.lstrip("-−–"))
