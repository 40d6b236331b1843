"""Sentences of an answer as claims: without their markers and Markdown, with the markers that stand behind them.

An answer breaks lines where it means to, so each line is taken by itself; list items stand under the line that introduces them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from rag.generation.markers import NOT_SENT, SHOWN
from rag.text import says_not_there, sentences

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Claim:
    start: int
    end: int
    """Of the sentence in the answer's text, the markers behind it left out."""
    text: str
    """What it says, without markers and Markdown."""
    places: tuple[int, ...]
    """For each character of `text`, its offset in the answer."""
    markers: tuple[int, ...] = ()
    needs_source: bool = True

    def span(self, start: int, end: int) -> Span:
        """Return where a part of `text` stands in the answer."""
        return self.places[start], self.places[end - 1] + 1


_HIDDEN = re.compile(
    rf"[ \t]*(?:{SHOWN.pattern}|{NOT_SENT.pattern})|\*\*|__|~~|(?<![\w*])[*_](?=\w)|(?<=[\w.,!?])[*_](?![\w*])|`+"
)
_LEAD = re.compile(r"[ \t>]*(?:(?:[-*+•]|\d{1,3}[.)]|\([a-z\d]{1,3}\))[ \t]+|#{1,6}[ \t]+)*")
_HEADING = re.compile(r"[ \t>]*#{1,6}[ \t]|[ \t>]*\*\*[^*\n]{1,80}\*\*:?[ \t]*\Z|[ \t]*[-=*_]{3,}[ \t]*\Z")
_ITEM = re.compile(r"[ \t>]*(?:[-*+•]|\d{1,3}[.)]|\([a-z\d]{1,3}\))[ \t]")
_RULE = re.compile(r"[ \t>|:+-]*\Z")
_FENCE = re.compile(r"[ \t>]*(?:```|~~~)")
_JSON_FENCE = re.compile(r"\s*(?:```|~~~)[ \t]*json\b", re.IGNORECASE)
_STOP_IN_BOLD = re.compile(r"[.!]\*\*:?[ \t]*\Z")
_BOILERPLATE = re.compile(
    r"\s*(?:(?:sure|certainly|of course|absolutely|yes|no|in (?:summary|short|conclusion)|to (?:summari[sz]e|sum up))[.,:! ]*)*"
    r"(?:(?:(?:here(?:'s| is| are)|below (?:is|are)|let me|please (?:let|note that i|see|ask)|see also|note that (?:i|the excerpts)|"
    r"i (?:hope|can|could|cannot|am|will|have (?:summari[sz]ed|listed|collected|quoted|included|given))|the following|these are|this (?:answer|summary)|"
    r"if you (?:need|want|would|like|have (?:\w+ ){0,3}questions)|would you|feel free|sources?:|references?:)(?!\w).{0,60}"
    r"|(?:based on|according to) the (?:\w+ )?(?:excerpts?|documents?|sources?|passages?|context|information)\b[^.]{0,30})[.:!,]?)?\s*\Z",
    re.IGNORECASE | re.DOTALL,
)
_CONTRAST = re.compile(r"[,;:]\s*(?:but|however|yet|though|although|while|whereas)\b", re.IGNORECASE)
_FIGURE = re.compile(r"\d")
_TELLS = re.compile(r"[^\W\d_]{2,}|\d")


def claims(text: str) -> list[Claim]:
    """Return the claims of an answer in order; headings, code, rules and questions claim nothing."""
    return list(_claims(text))


def _claims(text: str) -> Iterator[Claim]:
    above: tuple[int, ...] = ()
    in_code = in_table = False
    is_json = _JSON_FENCE.match(text)  # then what stands in the fence is the answer
    for start, end in lines(text):
        line = text[start:end]
        if _FENCE.match(line):
            in_code = not in_code and not is_json
            continue
        if in_code or not line.strip() or _RULE.match(line) or _is_heading(line):
            in_table = in_table and bool(line.strip())
            continue
        is_row = line.lstrip().startswith("|")
        found = [_row(text, start, end)] if is_row else list(_of_line(text, start, end))
        if is_row and not in_table:
            in_table, found = True, []  # the head of a table
        is_item = bool(_ITEM.match(line))
        for claim in found:
            yield replace(claim, markers=above) if is_item and not claim.markers else claim
        if not is_item:
            above = found[-1].markers if found and line.rstrip(" *]0123456789[").endswith(":") else ()
            in_table = is_row


def _is_heading(line: str) -> bool:
    """Tell whether a line claims nothing because it is a heading; one that cites a source, or a whole sentence in bold, does."""
    return bool(_HEADING.match(line)) and not SHOWN.search(line) and not _STOP_IN_BOLD.search(line)


def lines(text: str) -> list[Span]:
    breaks = [-1, *(m.start() for m in re.finditer("\n", text)), len(text)]
    return [(a + 1, b) for a, b in pairwise(breaks)]


def _row(text: str, start: int, end: int) -> Claim:
    """Return a row of a table as one claim."""
    bare, places, markers = bared(text, start, end)
    numbers = tuple(dict.fromkeys(n for _, n in markers))
    return Claim(start, end, bare, tuple(places), numbers, bool(re.search(r"\d", bare)))


def _of_line(text: str, start: int, end: int) -> Iterator[Claim]:
    lead = _LEAD.match(text, start, end)
    bare, places, markers = bared(text, lead.end() if lead else start, end)
    spans = sentences(bare)
    for i, (first, last) in enumerate(spans):
        until = spans[i + 1][0] if i + 1 < len(spans) else len(bare) + 1
        since = first if i else -1
        own = tuple(dict.fromkeys(n for at, n in markers if since < at < until))
        said = bare[first:last]
        yield Claim(
            places[first],
            places[last - 1] + 1,
            said,
            tuple(places[first:last]),
            own,
            not needs_no_source(said, is_cited=bool(own)),
        )


def bared(text: str, start: int, end: int) -> tuple[str, list[int], list[tuple[int, int]]]:
    """Return a part of an answer without markers and Markdown, where each character stood, and (place in it, number) of each marker."""
    signs: list[str] = []
    places: list[int] = []
    markers: list[tuple[int, int]] = []
    at = start
    for found in _HIDDEN.finditer(text, start, end):
        signs.extend(text[at : found.start()])
        places.extend(range(at, found.start()))
        if found.group(1):
            markers.append((len(signs), int(found.group(1))))
        at = found.end()
    signs.extend(text[at:end])
    places.extend(range(at, end))
    return "".join(signs), places, markers


def needs_no_source(said: str, *, is_cited: bool = False) -> bool:
    """Tell whether a sentence says nothing that a document could support: an introduction, a question, or that nothing was found.

    What cites a source, or holds a figure, is no introduction, however it begins.
    """
    if not _TELLS.search(said) or said.rstrip().endswith(("?", ":")):
        return True
    if says_not_there(said):
        return not _CONTRAST.search(said)
    return not is_cited and not _FIGURE.search(said) and bool(_BOILERPLATE.match(said))
