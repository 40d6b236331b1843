"""Going on with an answer that was cut off, so that the two parts are one answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from rag.generation.markers import written
from rag.types import Answer, Hit

GO_ON = (
    "Your answer was cut off at its length limit. Go on with the very next word, in the same form. "
    "Do not repeat anything, do not begin anew and do not comment on this."
)
_LOOK_BACK = 300
"""Characters of the beginning that a model may repeat, although it was told not to."""
_LEAST_REPEATED = 8
_IN_VAIN = "It could not be gone on with: "
_NOTHING_CAME = "the model wrote nothing more; ask again or choose another model."
_STOPPED = "that was stopped before anything came."


@dataclass(frozen=True, slots=True)
class GoingOn:
    """An answer that was cut off, as part of the prompt that asks for the rest of it."""

    answer: Answer = field(repr=False)

    @property
    def cited(self) -> frozenset[str]:
        """Chunks whose excerpts have to be sent again: their numbers stand in the text."""
        return frozenset(citation.hit.chunk.id for citation in self.answer.citations)

    def messages(self, hits: Sequence[Hit]) -> tuple[tuple[Literal["user", "assistant"], str], ...]:
        """Return what is said behind the question when these hits are sent; nothing when there is no whole word to go on from."""
        text = begun(self.answer, hits)
        return (("assistant", text), ("user", GO_ON)) if text else ()


def in_vain(before: Answer, tried: Answer) -> Answer:
    """Return the answer that was there when going on with it brought nothing: what was tried is told, and counted."""
    why = _STOPPED if tried.finish == "stopped" else tried.error or tried.note or _NOTHING_CAME
    own = before.error.partition(_IN_VAIN)[0].strip()
    told = f"{own} {_IN_VAIN}{why}".strip()
    return replace(before, error=told).with_paid(tried.paid)


def begun(answer: Answer, hits: Sequence[Hit]) -> str:
    """Return the whole words of an answer that was cut off, its markers with the numbers of the prompt over `hits`.

    A word that the cut may have halved is left out: the model writes it again, whole.
    """
    places = {hit.chunk.id: n for n, hit in enumerate(hits, 1)}
    text, at = "", 0
    for citation in sorted((c for c in answer.citations if c.at is not None), key=lambda c: c.at or 0):
        shown, number = written(citation.marker), places.get(citation.hit.chunk.id)
        if number is not None and citation.at is not None and answer.text.startswith(shown, citation.at):
            text += answer.text[at : citation.at] + written(number)
            at = citation.at + len(shown)
    text += answer.text[at:]
    return text[: len(text) - len(re.split(r"\s", text)[-1])] if text.strip() else ""


class Joint:
    """Takes away from the beginning of a continuation what it repeats of the text before it."""

    def __init__(self, before: str) -> None:
        self._before = before[-_LOOK_BACK:]
        self._held: str | None = ""

    def feed(self, text: str) -> str:
        """Return what is certain to go on with."""
        if self._held is None:
            return text
        self._held += text
        if len(self._held) < _LOOK_BACK and self._may_repeat(self._held.lstrip()):
            return ""
        return self.flush()

    def flush(self) -> str:
        """Return what was held back; nothing more is taken away."""
        held, self._held = self._held, None
        if not held:
            return ""
        fresh = held.lstrip(" ") if self._before.endswith((" ", "\n")) or not self._before else held
        for length in range(min(len(self._before), len(fresh)), _LEAST_REPEATED - 1, -1):
            if self._before.endswith(fresh[:length]) or self._before.rstrip() == fresh[:length]:
                return fresh[length:]
            if self._before.rstrip().endswith(fresh[:length]):
                return fresh[length:].lstrip(" ") if self._before[-1:].isspace() else fresh[length:]
        return fresh

    def _may_repeat(self, held: str) -> bool:
        """Tell whether what came so far stands in the text before, so that more of it may be a repetition."""
        return held.rstrip() in self._before
