"""What the checks know of one hit, worked out once and kept while its answer is written."""

from __future__ import annotations

import re
from functools import cached_property

from rag.generation.checking.amounts import amounts
from rag.generation.checking.dates import DateMention, dates
from rag.generation.checking.declared import with_declared_units
from rag.generation.checking.mentions import Mention, mentions
from rag.generation.checking.names import Tokens, capitals_inside
from rag.generation.checking.reading import Amount
from rag.generation.checking.tables import in_tables
from rag.generation.checking.words import told_stems
from rag.store.keywords import terms
from rag.text import sentences
from rag.types import Hit

Span = tuple[int, int]

_JOINTS = re.compile(r"[-_.]+|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])")
"""What stands for blanks in a file's name."""
_LEANS = re.compile(r"(?:This|That|These|Those|It|They|Such|He|She|Its|Their|The (?:same|latter|former))\b")


class Passage:
    """A chunk as evidence. Offsets are into `text`, which is the chunk's own; heading and document name only add words."""

    def __init__(self, text: str, *, context: str = "", marker: int = 0) -> None:
        self.text = text
        self.context = context
        """Heading path and document name: said of everything in the text."""
        self.marker = marker

    @classmethod
    def of(cls, hit: Hit, marker: int) -> Passage:
        name = _JOINTS.sub(" ", hit.document_name)
        return cls(hit.chunk.text, context=f"{hit.chunk.heading}\n{name}", marker=marker)

    @cached_property
    def sentences(self) -> list[Span]:
        return sentences(self.text)

    def window(self, first: int, end: int) -> str:
        """Return the text of the sentences from `first` up to `end`, which is not among them."""
        return self.text[self.sentences[first][0] : self.sentences[end - 1][1]] if first < end else ""

    @cached_property
    def stems(self) -> list[frozenset[str]]:
        """Of each sentence."""
        return [told_stems(self.text, start, end) for start, end in self.sentences]

    @cached_property
    def all_stems(self) -> frozenset[str]:
        return self.context_stems.union(*self.stems)

    @cached_property
    def context_stems(self) -> frozenset[str]:
        return told_stems(self.context, 0, len(self.context))

    @cached_property
    def dates(self) -> list[DateMention]:
        return dates(self.text)

    @cached_property
    def amounts(self) -> list[Amount]:
        years = [(d.start, d.end) for d in self.dates]
        return with_declared_units(self.text, amounts(self.text, years))

    @cached_property
    def mentions(self) -> list[Mention]:
        return in_tables(self.text, mentions(self.text, self.sentences, self.amounts, self.dates), self.dates)

    @cached_property
    def tokens(self) -> Tokens:
        return Tokens(f"{self.text}\n{self.context}")

    @cached_property
    def capitals(self) -> frozenset[str]:
        """Folded words that are written with a capital inside a sentence."""
        return capitals_inside(self.text, self.sentences)

    @cached_property
    def capital_stems(self) -> frozenset[str]:
        """Stems of `capitals`, and capital letters that stand alone."""
        alone = (stem for stems in self.stems for stem in stems if stem.isupper())
        return frozenset((*(stem for word in self.capitals for stem in terms(word)), *alone))

    def said_around(self, at: int) -> frozenset[str]:
        """Return the stems of the sentence at an offset, with those of the one before where it leans on that: "This bill …"."""
        index = self.sentence_at(at)
        if index and _LEANS.match(self.text, self.sentences[index][0]):
            return self.stems[index] | self.stems[index - 1]
        return self.stems[index]

    def sentence_at(self, at: int) -> int:
        """Return the index of the sentence that an offset lies in, or the one before it."""
        return max((i for i, (start, _) in enumerate(self.sentences) if start <= at), default=0)
