"""Questions to begin with, from the documents' own headings and sentences: no model, and each one is answered by a search."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rag.text import sentences
from rag.types import Collection, Document, SearchOptions, Stop, never

if TYPE_CHECKING:
    from rag.workbench import Workbench

_DOCUMENTS = 4
_TRIED = 12
"""Candidates of one document that are looked for at most."""
_READ = 40_000
"""Characters of a document that are read for sentences."""
_NUMBERED = re.compile(
    r"^[\dIVXivx]+(?:[.)]\d*)*[.):]?\s+|^(?:chapter|section|part|appendix|goal|objective)\s+[\dIVX.]+[.:]?\s+",
    re.IGNORECASE,
)
_EMPTY = re.compile(
    r"^(?:contents?|table of contents|introduction|overview|summary|index|references|notes?|background|conclusions?|acknowledge?ments?|"
    r"annex|appendix|foreword|preface|abstract|about)\b.{0,12}$",
    re.IGNORECASE,
)
_DEFINES = re.compile(
    r"^(?P<what>(?:The|An?)\s+[A-Za-z][\w’'-]+(?:\s+[A-Za-z][\w’'-]+){0,3}|[A-Z][\w’'-]+(?:\s+[A-Z][\w’'-]+){0,3})\s+(?P<be>is|are|was|were)\s+(?:an?|the|one)\b"
)
_PRONOUNS = frozenset(
    "it this that these those they we you he she there here what which who all both each one some many most i our their its".split()
)


def suggest(bench: Workbench, collection: Collection, *, count: int = 5, stop: Stop = never) -> list[str]:
    """Return up to `count` questions that the documents of a collection answer, different documents by turns.

    A question is kept when the best hit of a search for it is in the document that it was made of.
    """
    from rag import search  # another verb, so through the facade

    found: list[list[str]] = []
    for info in bench.catalog.documents(collection.id)[:_DOCUMENTS]:
        kept: list[str] = []
        document = bench.catalog.document(info.id)
        for tried, question in enumerate(_candidates(document)):
            if tried >= _TRIED or len(kept) >= count or stop():
                break
            hits = search(bench, question, collection=collection, options=SearchOptions(top_k=1)).hits
            if hits and hits[0].chunk.document_id == info.id:
                kept.append(question)
        found.append(kept)
    by_turns = [kept[i] for i in range(count) for kept in found if i < len(kept)]
    return list(dict.fromkeys(by_turns))[:count]


def _candidates(document: Document) -> Iterator[str]:
    """Yield what is defined in sentences and named in headings, by turns."""
    defined, named = list(_of_sentences(document)), list(_of_headings(document))
    for place in range(max(len(defined), len(named))):
        yield from named[place : place + 1]
        yield from defined[place : place + 1]


def _of_headings(document: Document) -> Iterator[str]:
    for place, heading in enumerate(document.headings):
        if place == 0 and heading.level == 1:  # the document's own title
            continue
        text = _NUMBERED.sub("", " ".join(heading.text.split())).strip(" .:–-")
        if text.endswith("?") and 3 <= len(text.split()) <= 14:
            yield text
        elif _names_something(text):
            yield f"What is said about {_lowered(text)}?"


def _names_something(text: str) -> bool:
    words = text.split()
    letters = sum(c.isalpha() or c.isspace() for c in text)
    return 2 <= len(words) <= 7 and 8 <= len(text) <= 60 and letters >= 0.9 * len(text) and not _EMPTY.match(text)


def _lowered(text: str) -> str:
    """Return a title as it stands in a sentence; names and abbreviations keep their capitals."""
    words = text.split()
    if text.isupper():
        return text.lower()
    if all(w[0].isupper() for w in words if len(w) > 3):
        return f"“{text}”"
    first = words[0]
    return " ".join([first if first[1:] != first[1:].lower() else first.lower(), *words[1:]])


def _of_sentences(document: Document) -> Iterator[str]:
    text = document.text[:_READ]
    for start, end in sentences(text):
        told = " ".join(text[start:end].split())
        found = _DEFINES.match(told)
        if found is None or not 40 <= len(told) <= 300 or found["what"].split()[0].lower() in _PRONOUNS:
            continue
        what = found["what"]
        what = what[0].lower() + what[1:] if what.startswith(("The ", "A ", "An ")) else what
        yield f"What {found['be']} {what}?"
