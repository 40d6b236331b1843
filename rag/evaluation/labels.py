"""Labels against the library as it is now: which evidence is still there, and where it went."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rag.evaluation.quotes import locate
from rag.question import checked_question
from rag.store.documents import name_key
from rag.store.feedback import Feedback
from rag.store.question_sets import QuestionSets, new_question
from rag.types import Collection, Evidence, EvidenceState, Hit, Label, LabelledQuestion, QuestionSet

if TYPE_CHECKING:
    from rag.workbench import Workbench

_WHY: dict[EvidenceState, str] = {
    "elsewhere": "its evidence is in {name}, which collection {collection!r} does not hold; add the document to it.",
    "replaced": "its evidence is in another version of {name}; find it again from the menu of the set on Search, or label the question anew.",
    "gone": "its evidence was in {name}, which was deleted; add the document again, or label the question anew.",
}


@dataclass(frozen=True, slots=True)
class _Library:
    """Ids and names of the documents that there are."""

    here: frozenset[str]
    everywhere: frozenset[str]
    names: Mapping[str, str]
    """Id by name, of those that are here."""

    def states(self, pieces: Sequence[Evidence]) -> tuple[EvidenceState, ...]:
        """Return the state of each piece of one question's evidence."""
        found = {_words(piece) for piece in pieces if piece.document_id in self.here}
        return tuple(self._state(piece, found) for piece in pieces)

    def _state(self, piece: Evidence, found: Set[tuple[str, int, str]]) -> EvidenceState:
        if piece.document_id in self.here:
            return "here"
        is_kept = piece.document_id in self.everywhere
        if name_key(piece.document_name) in self.names and not (is_kept and _words(piece) in found):
            return "replaced"
        return "elsewhere" if is_kept else "gone"


def _words(piece: Evidence) -> tuple[str, int, str]:
    """Return what a piece has in common with itself in another version of its document."""
    letters = re.sub(r"\W", "", unicodedata.normalize("NFKC", piece.quote)).casefold()
    return name_key(piece.document_name), piece.page, letters


def _library(bench: Workbench, collection: Collection | None) -> _Library:
    every = bench.catalog.documents()
    here = every if collection is None else bench.catalog.documents(collection.id)
    names = {name_key(document.name): document.id for document in reversed(here)}
    return _Library(frozenset(d.id for d in here), frozenset(d.id for d in every), names)


def evidence_states(
    bench: Workbench, question_set: QuestionSet, collection: Collection | None = None
) -> dict[str, tuple[EvidenceState, ...]]:
    """Return by question id the state of each piece of its evidence, in a collection or in the whole library."""
    library = _library(bench, collection)
    return {q.id: library.states(q.evidence) for q in question_set.questions if q.evidence}


def states_of(
    bench: Workbench, pieces: Sequence[Evidence], collection: Collection | None = None
) -> tuple[EvidenceState, ...]:
    """Return the state of each piece of one question's evidence; quick where a collection holds the documents of all."""
    if collection is not None and all(bench.catalog.has_document(collection.id, piece.document_id) for piece in pieces):
        return tuple("here" for _ in pieces)
    return _library(bench, collection).states(pieces)


def in_collection(
    bench: Workbench, question_set: QuestionSet, collection: Collection
) -> tuple[list[LabelledQuestion], list[tuple[LabelledQuestion, str]]]:
    """Return the questions that can be measured on a collection, and the others with a sentence why not.

    Of a question some of whose evidence is there, that part is kept.
    """
    library = _library(bench, collection)
    asked: list[LabelledQuestion] = []
    left_out: list[tuple[LabelledQuestion, str]] = []
    for question in question_set.questions:
        found = question.evidence if question.label == "evidence" else ()
        pieces = tuple(piece for piece in found if piece.document_id in library.here)
        if question.label == "absent":
            asked.append(question)
        elif pieces:
            asked.append(replace(question, evidence=pieces))
        else:
            left_out.append((question, _why(library, question, collection)))
    return asked, left_out


def _why(library: _Library, question: LabelledQuestion, collection: Collection) -> str:
    if question.label == "draft":
        return question.note or "It is a draft: nobody has said yet where the answer stands."
    if question.label == "adversarial":
        return "The documents are about it but do not answer it: that is for answers to show, not for search."
    piece, state = question.evidence[0], library.states(question.evidence)[0]
    why = _WHY[state].format(name=piece.document_name, collection=collection.name)
    return f"{why[0].upper()}{why[1:]}"


def evidence_of(hit: Hit, span: tuple[int, int] | None = None) -> Evidence:
    """Return a hit's chunk as evidence, or a span of the document inside it."""
    chunk = hit.chunk
    start, end = span or (chunk.start, chunk.end)
    if not chunk.start <= start < end <= chunk.end:
        raise ValueError("the span must lie inside the chunk")
    quote = chunk.text[start - chunk.start : end - chunk.start]
    return Evidence(chunk.document_id, hit.document_name, start, end, quote=quote)


def label_question(
    bench: Workbench, set_id: str, text: str, evidence: Evidence | None = None, *, label: Label | None = None
) -> LabelledQuestion:
    """Label a question of a set, and add it to the set when it is new; return it as it is now.

    Evidence joins what the question has already. Any other `label` takes its place, and none of both is a draft. Raises
    `QuestionSetError` when the set is gone.
    """
    sets = QuestionSets(bench.catalog.engine)
    text = checked_question(text, bench.settings.question_limit_characters)
    label = "evidence" if evidence else label or "draft"
    if label != "draft":
        _settle_judgements(bench, text)
    known = next((q for q in sets.get(set_id).questions if q.text.casefold() == text.casefold()), None)
    pieces: tuple[Evidence, ...] = () if evidence is None else (evidence,)
    if known is None:
        made = new_question(text, label=label, evidence=pieces)
        sets.add(set_id, [made])
        return made
    if evidence:
        before = known.evidence if known.label == "evidence" else ()  # what was only suggested is answered by this
        pieces = tuple(dict.fromkeys((*before, evidence)))
    changed = replace(known, label=label, evidence=pieces, note="")
    sets.save(changed)
    return changed


def _settle_judgements(bench: Workbench, text: str) -> None:
    """Record that what users said of answers to this question has become a label."""
    kept = Feedback(bench.catalog.engine)
    for item in kept.list("open"):
        if not item.is_good and item.question.casefold() == text.casefold():
            kept.settle(item.id, "labelled")


@dataclass(frozen=True, slots=True)
class FoundAgain:
    """What became of the labels whose documents were replaced. Nothing of it is kept yet: give `moved` to `QuestionSets.save`."""

    moved: tuple[LabelledQuestion, ...]
    """The questions with evidence that was found again, pointing to the present versions as well as to those that another collection holds."""
    found: int
    """Pieces of evidence that were found by their words."""
    by_page: int
    """Pieces that are a whole page, which was taken over by its number: nobody knows whether it still says the same."""
    missing: tuple[tuple[LabelledQuestion, Evidence], ...]
    """Pieces that the present version does not have, with their questions; they stay as they are."""


def find_again(bench: Workbench, question_set: QuestionSet, collection: Collection | None = None) -> FoundAgain:
    """Look for the evidence of replaced documents in the versions of a collection, or of the library: word for word, or the page of the
    same number.

    What points to a version that another collection holds stays beside what is found: the set measures both.
    """
    library = _library(bench, collection)
    moved, missing = [], []
    found = by_page = 0
    for question in question_set.questions:
        pieces = []
        for piece, state in zip(question.evidence, library.states(question.evidence), strict=True):
            again = _found_again(bench, library, piece) if state == "replaced" else None
            if again:
                found, by_page = found + (not again.page), by_page + bool(again.page)
                pieces.append(again)
            elif state == "replaced":
                missing.append((question, piece))
            if not again or piece.document_id in library.everywhere:
                pieces.append(piece)
        if (kept := tuple(dict.fromkeys(pieces))) != question.evidence:
            moved.append(replace(question, evidence=kept))
    return FoundAgain(tuple(moved), found, by_page, tuple(missing))


def _found_again(bench: Workbench, library: _Library, piece: Evidence) -> Evidence | None:
    """Return a replaced piece in the version that is here; None when it does not stand there."""
    document = bench.catalog.document(library.names[name_key(piece.document_name)])
    if piece.page:
        there = any(page.number == piece.page for page in document.pages)
        return replace(piece, document_id=document.id) if there else None
    span = locate(document.text, piece.quote, near=piece.start) if piece.quote else None
    if span is None:
        return None
    return replace(piece, document_id=document.id, start=span[0], end=span[1], quote=document.text[slice(*span)])
