"""Gaps: questions that were asked here and not answered, or weakly, grouped by what they ask.

Read from the conversations and judgements kept on this machine; nothing is sent anywhere. Each group is a candidate for a document
that is missing, or for a label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import numpy as np

from rag import providers
from rag.providers.base import Vectors
from rag.store.conversations import Conversations, Turn
from rag.store.feedback import Feedback
from rag.store.keywords import query_terms
from rag.types import Answer, CheckSummary

if TYPE_CHECKING:
    from rag.workbench import Workbench

Reason = Literal["not_found", "weak", "unsupported", "disliked"]
ALIKE_COSINE = 0.6
"""Questions at least this alike are one group."""
ALIKE_WORDS = 0.5
"""The same without an embedding model: shared stems, of all that either has."""
WEAK_MARGIN = 0.05
"""An answer is weak when its best citation is above the threshold by less."""
SUPPORTED_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of the log with why it is a gap."""

    question: str
    reason: Reason
    """`not_found`: no answer. `weak`: cited evidence barely passed the threshold. `unsupported`: fewer than half of its sentences are
    supported. `disliked`: a user said so."""
    collection: str
    conversation_id: str
    """Empty for a judgement whose conversation is not known."""
    at: datetime
    feedback_id: str = ""
    """Of the judgement, where there was one."""
    note: str = ""
    """What the user wrote with it."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Questions that ask about the same."""

    title: str
    """The question that is closest to all others."""
    asked: tuple[Asked, ...]
    """Newest first."""


def gaps(bench: Workbench, *, collection: str | None = None, limit: int = 500) -> list[Gap]:
    """Return the gaps of the newest `limit` weak questions, the largest group first; of one collection (by name) or of all.

    What was settled (`settle_gap`) is left out until the question is asked again.
    """
    found = _weak_turns(bench) + _disliked(bench)
    settled = _settled(bench)

    def is_open(asked: Asked) -> bool:
        settled_at = settled.get(_key(asked.question, asked.collection))
        return settled_at is None or asked.at > settled_at

    found = [asked for asked in found if collection in (None, asked.collection) and is_open(asked)]
    found.sort(key=lambda asked: asked.at, reverse=True)
    found = list({(asked.question.casefold(), asked.collection): asked for asked in reversed(found[:limit])}.values())[
        ::-1
    ]
    alike = _alike(bench, [asked.question for asked in found])
    groups = _groups(alike)
    made = [Gap(found[_centre(alike, group)].question, tuple(found[at] for at in group)) for group in groups]
    return sorted(made, key=lambda gap: -len(gap.asked))


def settle_gap(bench: Workbench, gap: Gap, state: Literal["labelled", "dismissed"]) -> None:
    """Record that a gap was made a label, or is of no interest: its questions are no gaps any more until they are asked again."""
    kept = Feedback(bench.catalog.engine)
    for asked in gap.asked:
        judgement = asked.feedback_id or kept.add(asked.question, is_good=False, collection=asked.collection)
        kept.settle(judgement, state)


def _settled(bench: Workbench) -> dict[tuple[str, str], datetime]:
    """Return when each settled question was settled last, as far as judgements tell."""
    kept = Feedback(bench.catalog.engine)
    items = sorted([*kept.list("labelled"), *kept.list("dismissed")], key=lambda item: item.at)
    return {_key(item.question, item.collection): item.at for item in items}


def _key(question: str, collection: str) -> tuple[str, str]:
    return " ".join(question.split()).casefold(), collection


def _weak_turns(bench: Workbench) -> list[Asked]:
    kept = Conversations(bench.catalog.engine)
    thresholds = {each.name: each.similarity_threshold for each in bench.catalog.collections()}
    found = []
    for info in kept.list():
        for turn in kept.get(info.id).turns:
            reason = _reason(turn, thresholds.get(turn.collection, 0.0))
            if reason:
                found.append(Asked(turn.question, reason, turn.collection, info.id, turn.created_at))
    return found


def _reason(turn: Turn, threshold: float) -> Reason | None:
    answer = turn.answer
    if answer is None or turn.state != "complete":
        return None
    if answer.finish == "refused":  # by the model: it says nothing of the documents
        return None
    if not answer.found:
        return "not_found"
    if _is_unsupported(answer):
        return "unsupported"
    best = max((citation.hit.score for citation in answer.citations), default=1.0)
    return "weak" if best < threshold + WEAK_MARGIN else None


def _is_unsupported(answer: Answer) -> bool:
    summary = CheckSummary.of(answer.checks)
    return summary.sentences_supported < SUPPORTED_SHARE * summary.sentences


def _disliked(bench: Workbench) -> list[Asked]:
    items = Feedback(bench.catalog.engine).list()
    return [
        Asked(item.question, "disliked", item.collection, "", item.at, item.id, item.note)
        for item in items
        if not item.is_good
    ]


# --- groups ---------------------------------------------------------------------------------------------------------


def _alike(bench: Workbench, questions: Sequence[str]) -> Vectors:
    """Return how alike any two questions are, on a scale where 1 begins a group."""
    if not questions:
        return np.zeros((0, 0), np.float32)
    if not providers.local_model_problem():
        embedder = bench.embedder(providers.DEFAULT_EMBEDDING_MODEL)
        assert embedder is not None
        vectors = embedder.embed_documents(questions)
        return np.asarray(vectors @ vectors.T / ALIKE_COSINE, np.float32)
    words = [frozenset(query_terms(question)) for question in questions]
    shares = [[len(one & other) / max(1, len(one | other)) for other in words] for one in words]
    return np.asarray(shares, np.float32) / ALIKE_WORDS


def _groups(alike: Vectors) -> list[list[int]]:
    """Group around the question with most others like it, then around the next of those that are left."""
    left = np.ones(len(alike), np.bool_)
    groups = []
    while left.any():
        near = (alike >= 1) & left
        np.fill_diagonal(near, left)
        centre = int(np.where(left, near.sum(axis=1), -1).argmax())
        groups.append(np.flatnonzero(near[centre]).tolist())
        left[near[centre]] = False
    return groups


def _centre(alike: Vectors, group: list[int]) -> int:
    return group[int(alike[np.ix_(group, group)].sum(axis=1).argmax())]
