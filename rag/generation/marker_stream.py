"""Markers in a text that comes in pieces: what is shown, and what is cited, is the same wherever the stream was cut.

Nothing half-read is shown: an open bracket that may become a marker, a code span and a line that may open a code block are
held back until they are decided, each by a rule that looks at the text alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from rag.generation.markers import Marker, marker_at, may_become_marker, parted

Piece = str | Marker
IsQuoted = Callable[[str], bool]
"""Told the last words up to and with a bracketed number; True when a document says exactly that."""

_TELLING = re.compile(r"[\[【［〔\]`~\n\\(:⁰¹²³⁴⁵⁶⁷⁸⁹!]")
_FENCE = re.compile(r"[ \t>]*(?P<fence>`{3,}|~{3,})")
_MAY_BE_FENCE = re.compile(r"[ \t>]*(?:`{0,2}|~{0,2})\Z")
_TICKS = re.compile(r"`+")
_SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_RAISED = re.compile(f"[{_SUPERSCRIPTS}]+")
_PLAIN = str.maketrans(_SUPERSCRIPTS, "0123456789")
_BEFORE_RAISED = frozenset('.,;:!?"”’»)')
CODE_SPAN_LIMIT = 400
"""Characters after which an opening backtick is taken for what it looks like."""
_QUOTED_TAIL = 48


class MarkerStream:
    """Cuts a text into what is shown as it is and the markers in it."""

    def __init__(self, sent: int, is_quoted: IsQuoted = lambda tail: False, *, is_json: bool = False) -> None:
        """Read against `sent` excerpts. In an answer that is JSON, a bracket outside of its strings is an array, no marker."""
        self._sent = sent
        self._is_quoted = is_quoted
        self._is_json = is_json
        self._in_string = False
        self._rest = ""
        self._line = ""
        """What was given out of the current line, markers as they were written."""
        self._fence = ""
        """The fence of the code block that is open."""
        self._at_line_start = True
        self._open: list[bool] = []
        """For each bracket that is open in this line, whether a marker stands inside."""
        self._after_marker = False

    def feed(self, text: str) -> list[Piece]:
        """Return what is decided now."""
        self._rest += text
        return _joined(self._read(final=False))

    def flush(self) -> list[Piece]:
        """Return what was held back; the text has ended."""
        return _joined(self._read(final=True))

    def after_break(self, *, is_marker: bool) -> MarkerStream:
        """Return a stream that goes on in the middle of the line, after something of somebody else's came: a marker, where it was shown."""
        other = MarkerStream(self._sent, self._is_quoted, is_json=self._is_json)
        other._in_string = self._in_string
        other._line, other._fence, other._at_line_start = self._line, self._fence, self._at_line_start
        other._open = [is_marker or inside for inside in self._open]
        other._after_marker = is_marker or self._after_marker
        return other

    def _read(self, *, final: bool) -> Iterator[Piece]:
        while self._rest:
            piece, taken = self._step(final)
            if not taken:
                return
            raw, self._rest = self._rest[:taken], self._rest[taken:]
            if piece != "":
                yield self._guarded(piece, raw)
            self._passed(raw)

    def _step(self, final: bool) -> tuple[Piece, int]:
        """Return the next piece and how many characters it was; 0 when it cannot be told yet."""
        if self._is_json:
            return self._json(final)
        if self._at_line_start and (decided := self._line_start(final)) is not None:
            return decided
        if self._fence:
            return self._code_line(final)
        found = _TELLING.search(self._rest)
        if found is None:
            return self._rest, len(self._rest)
        if found.start():
            return self._rest[: found.start()], found.start()
        return self._sign(final)

    def _json(self, final: bool) -> tuple[Piece, int]:
        """Read the next piece of an answer that is JSON: its strings may hold markers, nothing else is looked at."""
        found = re.search(r'["\\\[【［〔\](:]' if self._in_string else '"', self._rest)
        if found is None:
            return self._rest, len(self._rest)
        if found.start():
            return self._rest[: found.start()], found.start()
        sign = self._rest[0]
        if sign == '"':
            self._in_string = not self._in_string
            return sign, 1
        if sign in "](:":
            return sign, 1
        if sign == "\\":
            return ("", 0) if len(self._rest) == 1 and not final else (self._rest[:2], 2)
        return self._bracket(final)

    def _line_start(self, final: bool) -> tuple[Piece, int] | None:
        """Decide whether a line opens or closes a code block; None when it does neither."""
        line, end, _ = self._rest.partition("\n")
        if not (end or final) and (_MAY_BE_FENCE.match(line) or _FENCE.match(line)):
            return "", 0
        fence = _FENCE.match(line)
        self._at_line_start = False
        if fence is None:
            return None
        if self._fence:
            if fence["fence"].startswith(self._fence) and not line[fence.end() :].strip():
                self._fence = ""
                return line, len(line)
        elif "`" not in line[fence.end() :]:
            self._fence = fence["fence"]
            return line, len(line)
        return None

    def _code_line(self, final: bool) -> tuple[Piece, int]:
        end = self._rest.find("\n")
        taken = len(self._rest) if end < 0 else end + 1
        return self._rest[:taken], taken

    def _sign(self, final: bool) -> tuple[Piece, int]:
        """Read the sign at the front, which may begin something."""
        sign = self._rest[0]
        if sign == "`":
            return self._code_span(final)
        if sign == "\\":
            return ("", 0) if len(self._rest) == 1 and not final else (self._rest[:2], 2)
        if sign in "[【［〔":
            return self._bracket(final)
        if sign in _SUPERSCRIPTS:
            return self._raised(final)
        return sign, 1

    def _code_span(self, final: bool) -> tuple[Piece, int]:
        """Give a code span as it is; backticks that nothing closes in their line are only backticks."""
        found = _TICKS.match(self._rest)
        ticks = found.group() if found else "`"
        if len(ticks) == len(self._rest) and not final:
            return "", 0
        line = self._rest[:CODE_SPAN_LIMIT].partition("\n")[0]
        for closing in _TICKS.finditer(line, len(ticks)):
            if closing.group() == ticks:
                undecided = closing.end() == len(self._rest) and not final
                return ("", 0) if undecided else (line[: closing.end()], closing.end())
        if len(line) == len(self._rest) < CODE_SPAN_LIMIT and not final:
            return "", 0
        return ticks, len(ticks)

    def _bracket(self, final: bool) -> tuple[Piece, int]:
        found = marker_at(self._rest, 0, self._sent)
        if found is not None:
            marker, end = found
            raw = self._rest[:end]
            if not self._is_json and self._in_quotes() and self._is_quoted(self._line[-_QUOTED_TAIL:] + raw):
                return parted(raw)[0], end
            return marker, end
        if not final and may_become_marker(self._rest, 0):
            return "", 0
        return self._rest[0], 1

    def _raised(self, final: bool) -> tuple[Piece, int]:
        """Read ¹ behind a sentence as a marker where an excerpt of that number was sent; m² stays what it is."""
        found = _RAISED.match(self._rest)
        digits = found.group() if found else self._rest[0]
        if len(digits) == len(self._rest) and not final:
            return "", 0
        number = int(digits.translate(_PLAIN))
        if self._line[-1:] in _BEFORE_RAISED and 1 <= number <= self._sent:
            return Marker((number,)), len(digits)
        return digits, len(digits)

    def _in_quotes(self) -> bool:
        if self._line.lstrip().startswith(">"):
            return True
        return (
            self._line.count('"') % 2 == 1
            or self._line.count("“") + self._line.count("„") > self._line.count("”")
            or (self._line.count("«") > self._line.count("»"))
        )

    def _guarded(self, piece: Piece, raw: str) -> Piece:
        """Return a piece so that nothing around a marker makes a link of it: a blank parts `[1]` from `(` and `:`."""
        if isinstance(piece, Marker):
            self._open = [True] * len(self._open)
            self._after_marker = True
            return piece
        if self._is_json and not self._in_string:  # what is no string holds no marker, wherever the stream cuts it
            self._open, self._after_marker = [], False
            return piece
        guard = " " if self._after_marker and piece[0] in "(:[" else ""
        self._after_marker = False
        if piece == "[":
            self._open.append(False)
        elif piece == "]" and self._open:
            self._after_marker = self._open.pop()
        return guard + piece

    def _passed(self, raw: str) -> None:
        """Remember the line so far."""
        _, newline, after = raw.rpartition("\n")
        self._line = after if newline else (self._line + raw)[-2000:]
        if newline:
            self._open, self._after_marker = [], False
            self._at_line_start = self._at_line_start or raw.endswith("\n")


def _joined(pieces: Iterator[Piece]) -> list[Piece]:
    """Return the pieces with neighbouring texts in one."""
    joined: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined
