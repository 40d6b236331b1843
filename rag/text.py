"""Where paragraphs and sentences begin and end, as exact offsets into a text that is never changed.

Chunking cuts at these places and the extractive answerer quotes between them, so both see the same sentences. A sentence
survives line breaks, and page breaks too, because readers join pages without a blank line where a sentence goes on.
All expressions run in linear time: the text may be hostile.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

Span = tuple[int, int]

_UNWRAPPED_CHARACTERS = 200
"""Nobody wraps lines this late: such a line is a whole paragraph, and the break after it ends it."""
_SHORT_LINE = 0.6
"""A line below this share of its paragraph's longest line was ended on purpose."""

_TITLE_CHARACTERS = 60
"""A line without a full stop that is shorter may be a title; a longer one was wrapped."""

_BLANK_LINE = re.compile(r"\n\s*\n|\s{200,}")
_NEWLINE = re.compile(r"\n")
_STOP = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？]+[」』”’）]*")
_LAST_WORD = re.compile(r"[^\s(\[\"“‘'’/—–]+\Z")
_LINE_END = re.compile(r"[.!?:;…。！？][\"'”’»)\]]*\s*\Z")
_NEXT_WORD = re.compile(r"\s*([\"“‘'(\[«]*)(\w*)")
_ITEM = re.compile(r"\s*(?:[•▪◦‣●○■□⁃∙·*+|#–—-]+\s|\(?(?:\d{1,3}|[A-Za-z]|[ivx]{1,4})[.)]\s)")
_HEADING_LINE = re.compile(r"#{1,6}\s[^\n]*|\d{1,3}(?:\.\d{1,3})+\.?[ \t]+[A-Z][^\n\d.!?;:]{2,60}")
_DOTTED = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]\Z")  # U.S, e.g, E.O
_ENUMERATOR = re.compile(r"\(?(?:\d{1,3}(?:\.\d{1,3})*|[A-Za-z]|[ivx]{1,4})\Z")

# Followed by a name or more of the same sentence, whatever its capitals.
_NEVER_LAST = frozenset(
    "mr mrs ms mx dr prof st ste mt ft gen col lt sgt maj capt cmdr adm rep sen gov hon rev fr messrs pres sec supt "
    "vs v cf viz e.g i.e eg ie ca approx incl esp lit".split()
)
# An abbreviation in front of a number only: "No. 5" against "No. We did not."
_BEFORE_NUMBER = frozenset(
    "no nos p pp vol vols fig figs eq eqs ch chap art para par pt ex app tab item nr sect ver ed rev".split()
)
# May end a sentence: they do when the next word is one that sentences begin with.
_MAYBE_LAST = frozenset(
    "inc corp co ltd llc plc bros etc jr sr al dept univ assn est govt "
    "a.m p.m ph.d m.d b.a m.a d.c u.s u.k u.n e.u u.s.a u.s.c u.s.c.a "
    "jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun ave blvd rd hwy".split()
)
_STARTERS = frozenset(
    "the a an in on at by for from to with as of and but or so if when while where after before since during under over "
    "it its this these that those there here he she they we i you his her their our your my who what which why how "
    "however moreover furthermore therefore thus also although because despite both each every all many most some such "
    "no not one two three then now today later meanwhile additionally finally first second third no".split()
)


def paragraphs(text: str) -> list[Span]:
    """Return the (start, end) of each paragraph, without the white space around it, in order.

    Blank lines end paragraphs. So does a single line break beside a line of 200 characters or more, since a text with
    such lines was not wrapped.
    """
    spans: list[Span] = []
    start = 0
    for match in _BLANK_LINE.finditer(text):
        spans.extend(_unwrapped(text, start, match.start()))
        start = match.end()
    spans.extend(_unwrapped(text, start, len(text)))
    return spans


def sentences(text: str) -> list[Span]:
    """Return the (start, end) of each sentence, without the white space around it, in order.

    Every character that is not white space lies in exactly one of them. Titles, table rows and list items count as
    sentences of their own when their lines show it.

    >>> [("St. Paul has 3.5 parks. It rains.")[s:e] for s, e in sentences("St. Paul has 3.5 parks. It rains.")]
    ['St. Paul has 3.5 parks.', 'It rains.']
    """
    found: list[Span] = []
    for start, end in paragraphs(text):
        begin = start
        for cut in _cuts(text, start, end):
            begin = _keep(found, text, begin, cut)
        _keep(found, text, begin, end)
    return found


def is_heading_line(text: str) -> bool:
    """Tell whether a text is a heading alone: marked as one in Markdown, or a short numbered title.

    >>> [is_heading_line(t) for t in ("## 2 Leave", "2.2. Labor Standards", "## Leave\\nIt is 30 days.", "2.2 is low.")]
    [True, True, False, False]
    """
    return _HEADING_LINE.fullmatch(text.strip()) is not None


def stripped(text: str, start: int, end: int) -> Span:
    """Return the span without white space at its ends; empty when it holds nothing else."""
    part = text[start:end]
    left = len(part) - len(part.lstrip())
    return (start + left, max(start + left, start + len(part.rstrip())))


def _keep(found: list[Span], text: str, start: int, end: int) -> int:
    span = stripped(text, start, end)
    if span[0] < span[1]:
        found.append(span)
    return end


def _unwrapped(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield the block as one paragraph, or as several where its lines are too long to have been wrapped."""
    begin = start
    if end - start > _UNWRAPPED_CHARACTERS:
        breaks = [start - 1, *(m.start() for m in _NEWLINE.finditer(text, start, end)), end]
        long = [b - a > _UNWRAPPED_CHARACTERS for a, b in itertools.pairwise(breaks)]
        for at, before, after, last, following in zip(breaks[1:-1], long, long[1:], breaks, breaks[2:], strict=False):
            if (before or after) and not _goes_on(text[last + 1 : at], text[at + 1 : following]):
                yield from _one(text, begin, at)
                begin = at
    yield from _one(text, begin, end)


def _goes_on(line: str, following: str) -> bool:
    """Tell whether a sentence goes on over the break between these lines: joined lines can stand among wrapped ones."""
    if _LINE_END.search(line):
        return False
    return following.lstrip()[:1].islower() or len(line) >= _TITLE_CHARACTERS


def _one(text: str, start: int, end: int) -> Iterator[Span]:
    span = stripped(text, start, end)
    if span[0] < span[1]:
        yield span


def _cuts(text: str, start: int, end: int) -> list[int]:
    """Return the offsets inside one paragraph at which a sentence ends."""
    breaks = [m.start() for m in _NEWLINE.finditer(text, start, end)]
    lines = [start, *(b + 1 for b in breaks)]
    cuts = [m.end() for m in _STOP.finditer(text, start, end) if _ends_sentence(text, m, end, lines)]
    if breaks:
        width = max(b - a for a, b in zip(lines, [*breaks, end], strict=True))
        ends = [*breaks, end]
        cuts += [
            at
            for i, at in enumerate(breaks)
            if _line_ends_sentence(text, (lines[i], at), (lines[i + 1], ends[i + 1]), width)
        ]
        cuts.sort()
    return cuts


def _ends_sentence(text: str, stop: re.Match[str], end: int, lines: list[int]) -> bool:
    """Tell whether this full stop, question mark or exclamation mark ends a sentence."""
    mark = stop.group()
    if mark[0] in "。！？":
        return True
    following = _NEXT_WORD.match(text, stop.end(), end)
    word = following.group(2) if following else ""
    if word[:1].islower() or (following and not word and text[following.end() : following.end() + 1] in (",", ";")):
        return False
    if mark[0] == "…" or mark[:2] == "..":
        return word[:1].isalpha()  # dots also lead the eye to a page number
    return mark[0] != "." or not _abbreviates(text, stop.start(), word, lines)


def _abbreviates(text: str, dot: int, next_word: str, lines: list[int]) -> bool:
    """Tell whether the full stop at `dot` belongs to an abbreviation, an initial or a list number."""
    line = lines[bisect_right(lines, dot) - 1]
    before = _LAST_WORD.search(text, max(line, dot - 40), dot)
    if before is None:
        return False
    word = before.group()
    bare = word.lower()
    if bare in _NEVER_LAST and word != "ms":  # 31 ms, not Ms
        return True
    if bare in _BEFORE_NUMBER and next_word[:1].isdigit():
        return True
    if _ENUMERATOR.match(word) and not text[line : before.start()].strip():
        return True
    initial = len(word) == 1 and word.isupper()
    if initial or bare in _MAYBE_LAST or _DOTTED.match(word):
        return next_word.lower() not in _STARTERS
    return False


def _line_ends_sentence(text: str, line: Span, following: Span, width: int) -> bool:
    """Tell whether a line break ends a sentence although no full stop says so: list items, titles, table rows."""
    if _ITEM.match(text, *following):
        return True
    end = text[max(line[0], line[1] - 3) : line[1]].rstrip()[-1:]
    first = text[following[0] : following[1]].lstrip()[:1]
    if end in ",;-–—&(/" or first.islower():
        return False
    return line[1] - line[0] < _SHORT_LINE * width


_EXCERPT_CHARACTERS = 320
_LEAD_CHARACTERS = 90
"""How far before its first marked word an excerpt may begin, to begin with a sentence."""


def densest_start(text: str, marks: Sequence[Span]) -> int:
    """Return where an excerpt should begin to hold the most different marked words, then the most of them, and the earliest.

    0 where the beginning of the text holds as many; else the beginning of a sentence or of a word shortly before the first mark.
    """
    words = [text[start:end].casefold() for start, end in marks]
    best, best_held, last = 0, (0, 0), 0
    for first, (start, _) in enumerate(marks):
        end = (0 if first == 0 and start < _EXCERPT_CHARACTERS else start) + _EXCERPT_CHARACTERS
        last = max(last, first)
        while last < len(marks) and marks[last][1] <= end:
            last += 1
        held = (len(set(words[first:last])), last - first)
        if held > best_held:
            best, best_held = first, held
    if not marks or marks[best][0] < _LEAD_CHARACTERS or (best == 0 and marks[0][0] < _EXCERPT_CHARACTERS):
        return 0
    return _lead(text, marks[best][0])


def _lead(text: str, at: int) -> int:
    """Return the beginning of the sentence that `at` lies in, when it is near; else that of a word a little before."""
    low = max(0, at - _LEAD_CHARACTERS)
    before = text[low:at]
    stops = list(_SENTENCE_BREAK.finditer(before))
    if stops:
        return low + stops[-1].end()
    blank = before.find(" ", len(before) // 2)
    return low + blank + 1 if blank >= 0 else at


_SENTENCE_BREAK = re.compile(r"[.!?;:][\"'”’»)\]]*\s+|\n\s*")


_SOURCES = r"(?:excerpts?|documents?|sources?|passages?|context|texts?|information)"
_SAY = (
    r"(?:say|tell|mention|state|give|name|specify|contain|include|provide|describe|cover|address|answer|report|list|show|discuss|indicate|"
    r"explain|reveal|disclose|define|identify|refer|offer|have)"
)
_NOT_THERE = re.compile(
    # the documents do not say, say nothing, are silent; but not: the document says that the council did not say
    rf"\b{_SOURCES}\b(?:(?!\b(?:says?|said|states?|stated|shows?|reports?|that|which|who|is|are|was|were)\b)[^.]){{0,50}}?"
    rf"\b(?:(?:do|does|did)(?: not|n[’']t) (?:\w+ly )?{_SAY}\b|(?:say|contain|state|mention|provide|give|offer|have|include|make)s? (?:no|nothing)\b|has no\b|(?:is|are) silent\b)"
    rf"|\b(?:none of|no|neither of) (?:\w+ ){{0,3}}{_SOURCES}\b[^.]{{0,20}}\b{_SAY}(?:s|es)?\b"
    # it is not stated in the documents, there is no information on it in them
    r"|\b(?:no|not) (?:\w+ ){0,3}(?:information|mention|details?|found|given|stated|mentioned|specified|provided|described|covered|addressed)\b[^.]{0,60}"
    r"\b(?:excerpts?|documents?|sources?|passages?|context|here)\b|\bnot found in these documents\b"
    r"|\bcannot be (?:answered|determined|told)\b|\bi (?:do not|don[’']t|could not|cannot|can[’']t) (?:know|find|say|tell)\b",
    re.IGNORECASE,
)


def says_not_there(sentence: str) -> bool:
    """Tell whether a sentence says that the documents do not say something, in the words that models use for it."""
    return bool(_NOT_THERE.search(sentence))
