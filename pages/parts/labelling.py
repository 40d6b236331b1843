"""Labels made while looking: which hit answers the question, or that nothing here does. They go into the chosen set."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

import rag
from pages.parts import tuning
from pages.parts.safe_text import Node, el, visible
from pages.parts.shared import count
from rag import RagError, Workbench
from rag.errors import QuestionSetError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.types import Collection, Evidence, Hit, LabelledQuestion, QuestionSet, SearchResult

_WHERE = {
    "replaced": "in another version of {name}",
    "gone": "in {name}, which was deleted",
    "elsewhere": "in {name}, which this collection does not hold",
}
_PLACE = re.compile(r"([0-9]{1,9}):([0-9]{1,9})")
_FIRST_SET = "My questions"
VERBS = ("label", "words", "unlabel", "absent", "out", "accept")


def known(chosen: QuestionSet | None, question: str) -> LabelledQuestion | None:
    """Return the question as the set has it."""
    every = chosen.questions if chosen else ()
    return next((q for q in every if q.text.casefold() == question.casefold()), None)


def expected(chosen: QuestionSet | None, result: SearchResult) -> frozenset[str]:
    """Return the ids of the candidates that hold evidence of the question."""
    label = known(chosen, result.question)
    pieces = label.evidence if label and label.label == "evidence" else ()
    is_right = rag.evaluation.pool.is_right
    return frozenset(h.chunk.id for h in result.candidates if any(is_right(h.chunk, piece) for piece in pieces))


def line(bench: Workbench, target: Collection, chosen: QuestionSet | None, question: str) -> Node:
    """Return what the set knows of the question and of where its evidence is now, and the labels that no hit stands for."""
    label = known(chosen, question)
    absent = el("button.link", "Not in the documents", data_pick="absent:")
    if chosen is None:
        words = "Say which hit answers it, or select the words that do, and the question joins a set."
        return el("div.labelling", el("span.muted", words), absent)
    name = visible(chosen.name, 40)
    if label is None:
        return el("div.labelling", el("span.muted", f"Not in {name} yet: say which hit answers it."), absent)
    out = el("button.link", "Take it out of the set", data_pick="out:")
    if label.label == "evidence":
        words = f"In {name}: {_places(bench, target, label.evidence)}."
    elif label.label == "absent":
        return el("div.labelling", el("span.muted", f"In {name}: not in the documents."), out)
    elif label.evidence:
        piece = label.evidence[0]
        state = rag.evaluation.states_of(bench, [piece], target)[0]
        where = "in {name}" if state == "here" else _WHERE[state]
        where = where.format(name=visible(piece.document_name, 50))
        words = f"Suggested for {name}: “{visible(piece.quote, 160)}” {where}."
        return el(
            "div.labelling", el("span.muted", words), el("button.link", "Accept", data_pick="accept:"), absent, out
        )
    else:
        note = visible(label.note, 160) if label.note else "nobody has said yet where the answer stands."
        words = f"In {name} without a label for search: {note}"
    return el("div.labelling", el("span.muted", words), absent, out)


def _places(bench: Workbench, target: Collection, pieces: Sequence[Evidence]) -> str:
    """Return in how many places the answer is expected here, and what became of the documents of the others."""
    states = rag.evaluation.states_of(bench, pieces, target)
    here = states.count("here")
    lost = Counter((s, piece.document_name) for s, piece in zip(states, pieces, strict=True) if s != "here")
    parts = [f"expected in {count(here, 'place')}"] if here else []
    for (state, document), many in lost.items():
        parts.append(f"{count(many, 'place')} {_WHERE[state].format(name=visible(document, 50))}")
    again = ": find them again from the menu of the set" if any(state == "replaced" for state, _ in lost) else ""
    return "; ".join(parts) + again


def act(bench: Workbench, chosen: QuestionSet | None, result: SearchResult, value: str) -> None:
    """Keep the label that a drawn button stands for; what goes wrong is said at the next drawing."""
    verb, _, rest = value.partition(":")
    chunk_id, _, place = rest.partition(":")
    try:
        set_id = chosen.id if chosen else _first_set(bench)
        st.session_state[tuning.SET] = set_id
        label = known(tuning.question_sets(bench).get(set_id), result.question)
        hit = next((h for h in result.candidates if h.chunk.id == chunk_id), None)
        if verb == "label" and hit is not None:
            rag.evaluation.label_question(bench, set_id, result.question, rag.evaluation.evidence_of(hit))
        elif verb == "words" and hit is not None:
            words = rag.evaluation.evidence_of(hit, selected(hit, place))
            rag.evaluation.label_question(bench, set_id, result.question, words)
        elif verb == "absent":
            rag.evaluation.label_question(bench, set_id, result.question, label="absent")
        elif verb == "accept" and label is not None:
            accept(bench, label)
        elif verb == "out" and label is not None:
            tuning.question_sets(bench).remove([label.id])
        elif verb == "unlabel" and hit is not None and label is not None:
            is_right = rag.evaluation.pool.is_right
            left = tuple(piece for piece in label.evidence if not is_right(hit.chunk, piece))
            changed = replace(label, evidence=left, label="evidence" if left else "draft")
            tuning.question_sets(bench).save(changed)
    except RagError as error:
        st.session_state[tuning.SAID] = str(error)


def selected(hit: Hit, place: str) -> tuple[int, int]:
    """Return the span of the document that was selected in a hit's text, without the spaces at its ends.

    `place` is "START:END" in the chunk's text. A browser says so, which may say anything: what is no such span, or is empty, raises
    `QuestionSetError`.
    """
    chunk = hit.chunk
    found = _PLACE.fullmatch(place)
    start, end = (int(found[1]), int(found[2])) if found else (0, 0)
    words = chunk.text[start:end]
    if end > len(chunk.text) or not words.strip():
        raise QuestionSetError("Select the words of one hit that answer the question, then say so again.")
    start += len(words) - len(words.lstrip())
    return chunk.start + start, chunk.start + start + len(words.strip())


def accept(bench: Workbench, question: LabelledQuestion) -> None:
    """Confirm what was suggested of a question: from now on it is measured by it. Raises `QuestionSetError`."""
    if question.evidence:
        tuning.question_sets(bench).save(replace(question, label="evidence", note=""))


def _first_set(bench: Workbench) -> str:
    """Return the set that labels go into when none is chosen."""
    sets = tuning.question_sets(bench)
    found = next((info.id for info in sets.list() if info.name == _FIRST_SET), None)
    return found or sets.create(_FIRST_SET).id
