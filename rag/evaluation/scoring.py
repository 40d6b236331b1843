"""Score a question set under given options: the ranking of `rag.rank` and the measures, for all questions at once.

Nothing is asked of store or model. The arithmetic is that of `rag.rank`, operation by operation, so the hits are the same
to the last bit; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rag.evaluation import measures
from rag.evaluation.intervals import auroc_figure, mean_figure
from rag.evaluation.measures import MEASURES, Flags, Floats, Integers
from rag.evaluation.pool import Pool
from rag.types import Figure, Outcome, QuestionScore, ScoredHit, SearchOptions

if TYPE_CHECKING:
    import pandas as pd

COVERAGE_SHARE = 0.5
"""As in the match score of `rag.retrieval.confidence`; a test compares the two."""
OUTCOMES: tuple[Outcome, ...] = ("answered", "missed", "wrongly_answered", "rejected")
ANSWERED, MISSED, WRONGLY_ANSWERED, REJECTED = range(4)


@dataclass(frozen=True)
class Ranking:
    """The candidates of every question in the order that the options give them. Arrays of (questions, candidates)."""

    eligible: Flags
    score: Floats
    """Match score, what the threshold compares."""
    order: Integers
    """Candidates by rank: of those that are not ranked nothing is said but that they come last."""
    passing: Flags
    """Candidates whose score reaches the threshold."""
    rank_score: Floats


def ranked(pool: Pool, options: SearchOptions, threshold: float) -> Ranking:
    """Rank every question's candidates that reach `threshold`."""
    by_words = (np.full(len(pool.questions), options.mode == "keyword") | ~pool.has_vectors)[:, None]
    eligible = pool.passing(options.filters) & (~by_words | (pool.keyword > 0))
    share = np.where(by_words, 0.0, 1.0 if options.mode == "semantic" else options.weight)
    rank_score = share * _relative(pool.cosine, eligible) + (1 - share) * _relative(pool.keyword, eligible)
    if options.mode == "semantic":
        score = np.where(by_words, pool.coverage, pool.cosine)
    else:
        mixed = (pool.cosine + COVERAGE_SHARE * pool.coverage) / (1 + COVERAGE_SHARE)
        score = np.where(by_words, pool.coverage, mixed)
    score = np.minimum(1.0, np.maximum(0.0, score))
    passing = eligible & (score >= threshold)
    order = np.lexsort((-score, np.where(passing, -rank_score, np.inf)), axis=-1)  # stable: ties stay by place
    return Ranking(eligible, score, order, passing, rank_score)


def _relative(part: Floats, eligible: Flags) -> Floats:
    """Return a side's values relative to its best in each question; 0 where that side found nothing."""
    best = np.where(eligible, part, -np.inf).max(axis=1, initial=-np.inf)[:, None]
    shares: Floats = np.divide(part, best, out=np.zeros_like(part), where=best > 0)
    return shares


@dataclass(frozen=True)
class Evaluation:
    """How a search did on a question set under one choice of options."""

    pool: Pool = field(repr=False)
    options: SearchOptions
    """With the threshold filled in."""
    values: dict[str, Floats] = field(repr=False)
    """By measure: the value of each question, NaN where it does not apply. Without AUROC, which is of pairs."""
    outcomes: Integers = field(repr=False)
    """Index into `OUTCOMES` of each question."""
    best: Floats = field(repr=False)
    """Highest match score of each question's candidates."""
    hits: Integers = field(repr=False)
    """Columns of the pool that are hits, in rank order: (questions, most hits)."""
    valid: Flags = field(repr=False)
    """Which of `hits` are real."""
    score: Floats = field(repr=False)

    @property
    def threshold(self) -> float:
        assert self.options.similarity_threshold is not None
        return self.options.similarity_threshold

    @cached_property
    def figures(self) -> dict[str, Figure]:
        """Every measure of `MEASURES` over the set, with its interval."""
        answerable = self.pool.answerable
        made = {name: mean_figure(values) for name, values in self.values.items()}
        made["auroc"] = auroc_figure(self.best[answerable], self.best[~answerable])
        return {name: made[name] for name in MEASURES}

    @cached_property
    def counts(self) -> dict[Outcome, int]:
        """How many questions came out each way."""
        return {outcome: int((self.outcomes == n).sum()) for n, outcome in enumerate(OUTCOMES)}

    @property
    def context_characters(self) -> float:
        """Mean number of characters that a question's hits have: what a chat model would be given to read."""
        lengths = np.take_along_axis(self.pool.segments.characters, self.hits, axis=1)
        return float((lengths * self.valid).sum(axis=1).mean())

    def question(self, number: int) -> QuestionScore:
        """Return one question with its hits."""
        found = self.pool.right[number].any(axis=1)
        hits = []
        for rank, column in enumerate(self.hits[number][self.valid[number]].tolist(), 1):
            place = self.pool.places[number][column]
            hits.append(
                ScoredHit(place.chunk_id, place.document_id, place.start, place.end, place.pages, rank,
                          float(self.score[number, column]), bool(found[column]))
            )  # fmt: skip
        outcome = OUTCOMES[int(self.outcomes[number])]
        values = {name: float(each[number]) for name, each in self.values.items() if not np.isnan(each[number])}
        return QuestionScore(self.pool.questions[number], outcome, tuple(hits), float(self.best[number]), values)

    @cached_property
    def questions(self) -> tuple[QuestionScore, ...]:
        """Every question that could be measured, with its hits, in the order of the set."""
        return tuple(self.question(number) for number in range(len(self.pool.questions)))

    def frame(self) -> pd.DataFrame:
        """Return one row a question: its text, label, outcome, best score, and its value of every measure."""
        import pandas as pd

        about = {
            "question": [q.text for q in self.pool.questions],
            "label": [q.label for q in self.pool.questions],
            "outcome": [OUTCOMES[n] for n in self.outcomes.tolist()],
            "hits": self.valid.sum(axis=1),
            "best_score": self.best,
        }
        return pd.DataFrame({**about, **self.values}, index=pd.Index([q.id for q in self.pool.questions], name="id"))

    def table(self) -> pd.DataFrame:
        """Return one row a measure: value, ends of its 95 % interval, and the number of questions."""
        import pandas as pd

        rows = {name: (f.value, f.low, f.high, f.questions) for name, f in self.figures.items()}
        made = pd.DataFrame.from_dict(rows, orient="index", columns=["value", "low", "high", "questions"])
        return made.rename_axis("measure")


def rescore(pool: Pool, options: SearchOptions) -> Evaluation:
    """Return how the questions of `pool` do under `options`; pure, and quick enough for every move of a slider.

    Options that reach beyond what was fetched take effect only on the candidates that are there, as in `rag.rank`. A
    threshold of None is the collection's own. Raises `QuestionSetError` for filters that the pool was not
    fetched for.
    """
    threshold = options.similarity_threshold
    if threshold is None:
        threshold = pool.collection.similarity_threshold
    ranking = ranked(pool, options, threshold)
    many = ranking.passing.sum(axis=1)
    width = int(min(options.top_k, many.max(initial=0)))
    diverse = options.mmr > 0 and options.mode != "keyword"  # as in `rag.rank`
    hits = _diversified(pool, ranking, many, width, options.mmr) if diverse else ranking.order[:, :width]
    valid = np.arange(width) < many[:, None]
    found = np.take_along_axis(pool.right, hits[:, :, None], axis=1) & valid[:, :, None]
    return Evaluation(
        pool=pool,
        options=replace(options, similarity_threshold=threshold),
        values=_values(pool, hits, valid, found),
        outcomes=np.where(
            pool.answerable,
            np.where(found.any(axis=(1, 2)), ANSWERED, MISSED),
            np.where(many > 0, WRONGLY_ANSWERED, REJECTED),
        ),
        best=np.where(ranking.eligible, ranking.score, 0.0).max(axis=1, initial=0.0),
        hits=hits,
        valid=valid,
        score=ranking.score,
    )


def _diversified(pool: Pool, ranking: Ranking, many: Integers, width: int, strength: float) -> Integers:
    """Return the hits chosen by what each adds to those before it, as `rag.retrieval.diversity` chooses them."""
    hits = ranking.order[:, :width].copy()
    if pool.vectors is None or pool.rows is None:
        return hits
    for q in np.flatnonzero(pool.has_vectors & (many > 1)):
        passing = ranking.order[q, : many[q]]
        own = pool.vectors[pool.rows[q, passing]]
        relevance = (1 - strength) * ranking.rank_score[q, passing]
        likeness = np.full(len(passing), -np.inf)
        taken = np.zeros(len(passing))
        for place in range(min(width, len(passing))):
            worth = relevance - strength * likeness if place else relevance
            best = int(np.argmax(worth + taken))
            hits[q, place] = passing[best]
            taken[best] = -np.inf
            likeness = np.maximum(likeness, own @ own[best])
    return hits


def _values(pool: Pool, hits: Integers, valid: Flags, found: Flags) -> dict[str, Floats]:
    answerable = pool.answerable
    pieces = np.maximum(pool.pieces, 1)
    values = {"answered": measures.hit_at(found, max(found.shape[1], 1))}
    values |= {f"hit@{k}": measures.hit_at(found, k) for k in (1, 3, 5, 10)}
    values |= {f"recall@{k}": measures.recall_at(found, pieces, k) for k in (5, 10)}
    values |= {"mrr": measures.reciprocal_rank(found), "ndcg@10": measures.ndcg_at(found, pieces, 10)}
    made = {name: np.where(answerable, value, np.nan) for name, value in values.items()}
    made["rejected"] = np.where(answerable, np.nan, ~valid.any(axis=1))
    return made | _character_values(pool, hits, valid)


def _character_values(pool: Pool, hits: Integers, valid: Flags) -> dict[str, Floats]:
    evidence, retrieved, shared, within = pool.segments.counts(hits, valid)
    measured = pool.segments.measured
    every = np.where(measured, evidence, 1)
    either = np.where(measured, evidence + retrieved - shared, 1)
    values = {
        "token_recall": shared / every,
        "token_precision": np.divide(shared, retrieved, out=np.zeros(len(every)), where=retrieved > 0),
        "token_iou": shared / either,
        "evidence@4k": within / every,
    }
    return {name: np.where(measured, value, np.nan) for name, value in values.items()}
