"""Measure a question set under a whole grid of settings, in the background, without storing a single chunk.

Each choice of chunk options and embedding model is cut and searched in memory once (`rag.evaluation.variants`); modes, weights and
top_k are arithmetic on what that search found. Every setting that is done is kept as a run at once, so a sweep that was stopped goes on
where it was.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rag.errors import QuestionSetError, RagError, StoppedError
from rag.evaluation.gathering import nothing_to_measure
from rag.evaluation.grid import MOST_SETTINGS, Setting, SweepGrid
from rag.evaluation.labels import in_collection
from rag.evaluation.pool import Pool, make_pool
from rag.evaluation.running import as_run
from rag.evaluation.scoring import rescore
from rag.evaluation.threshold import Recommendation, recommend
from rag.evaluation.variants import Cut, Variant, cut, embed_missing, kept_matrix, missing_texts, question_vectors
from rag.jobs import Job
from rag.providers.base import Vectors
from rag.store.question_sets import QuestionSets
from rag.store.runs import Runs, Sweep
from rag.types import ChunkOptions, Collection, LabelledQuestion, QuestionSet, RunInfo, SearchOptions, Stop, never

if TYPE_CHECKING:
    from rag.workbench import Workbench


_SCORING_S, _SEARCHING_S = 0.0015, 0.004
"""About what a question takes once its chunks are there: under one more setting, and under other chunks."""


@dataclass(frozen=True, slots=True)
class SweepResult:
    sweep_id: str
    runs: tuple[RunInfo, ...]
    """Of the settings that are done, oldest first."""
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """What a sweep would take, said before it starts."""

    settings: tuple[Setting, ...]
    chunks: int
    """Over all choices of chunk options."""
    texts_to_embed: int
    """Different chunk texts whose vector is not kept yet."""
    tokens_to_embed: int
    cost_usd: float | None
    """Of embedding them; None is unknown, never zero."""
    seconds: float | None
    """About how long it will take; None when the ledger does not tell yet how quick the embedding models are."""


def plan_sweep(
    bench: Workbench,
    question_set: QuestionSet | str,
    grid: SweepGrid,
    *,
    collection: Collection | str | None = None,
    stop: Stop = never,
) -> SweepPlan:
    """Cut the documents as the sweep will, and tell what it takes; nothing is embedded. Raises `RagError`."""
    work = _Work.of(bench, question_set, grid, collection)
    tokens: dict[str, dict[str, int]] = {}
    chunks, began = 0, time.perf_counter()
    for options, model in work.variants(work.settings):
        made = cut(bench, work.collection, options, model, stop=stop)
        chunks += len(made.texts)
        if _needs_vectors(work.settings, options, model):
            tokens.setdefault(model, {}).update(zip(made.texts, made.tokens.tolist(), strict=True))
    cost: float | None = 0.0
    seconds: float | None = (
        time.perf_counter()
        - began
        + len(work.questions) * (len(work.settings) * _SCORING_S + len(work.variants(work.settings)) * _SEARCHING_S)
    )
    texts = total = 0
    for model, known in tokens.items():
        missing = missing_texts(bench, model, known)
        spent = sum(known[text] for text in missing)
        price, speed = _price(bench, model, missing), _tokens_per_s(bench, model)
        cost = None if cost is None or price is None else cost + price
        if spent:
            seconds = None if seconds is None or speed is None else seconds + spent / speed
        texts, total = texts + len(missing), total + spent
    return SweepPlan(work.settings, chunks, texts, total, cost, seconds)


def start_sweep(
    bench: Workbench, question_set: QuestionSet | str, grid: SweepGrid, *, collection: Collection | str | None = None
) -> Job[SweepResult]:
    """Measure the set under every setting of the grid, in the background; runs are kept as they are done.

    Raises `QuestionSetError` at once when there is nothing to measure, `CollectionNotFoundError` and `StoreReadOnlyError`.
    """
    bench.require_writable()
    work = _Work.of(bench, question_set, grid, collection)
    kept = {**grid.as_json(), "rests_on": work.rests_on, "settings": len(work.settings)}
    sweep = Runs(bench.catalog.engine).begin_sweep(work.question_set.id, work.collection.name, kept)
    return _start(bench, work, sweep)


def resume_sweep(bench: Workbench, sweep_id: str) -> Job[SweepResult]:
    """Go on with a sweep that was stopped or interrupted; settings that are done are not done again.

    Raises `QuestionSetError` when it is gone, or when questions or documents have changed since: its runs would not compare.
    """
    bench.require_writable()
    sweep = Runs(bench.catalog.engine).sweep(sweep_id)
    kept = dict(sweep.grid)
    rests_on = kept.pop("rests_on")
    kept.pop("settings", None)
    work = _Work.of(bench, sweep.set_id, SweepGrid.from_json(kept), sweep.collection)
    if work.rests_on != rests_on:
        raise QuestionSetError("The questions or the documents have changed since this sweep began; start a new one.")
    return _start(bench, work, sweep)


def sweep_result(bench: Workbench, sweep_id: str) -> SweepResult:
    """Return what is done of a sweep, also of one of an earlier start."""
    runs = Runs(bench.catalog.engine)
    sweep = runs.sweep(sweep_id)
    return SweepResult(sweep.id, tuple(reversed(runs.list(sweep_id=sweep_id))))


def _start(bench: Workbench, work: _Work, sweep: Sweep) -> Job[SweepResult]:
    title = f"Trying {len(work.settings)} settings on {work.question_set.name}"

    def run(job: Job[SweepResult]) -> SweepResult:
        try:
            work.do(sweep, job)
        except StoppedError:
            return replace(sweep_result(bench, sweep.id), stopped=True)
        return sweep_result(bench, sweep.id)

    return bench.jobs.start("sweep", title, run)


@dataclass(frozen=True)
class _Work:
    """A sweep with everything it needs."""

    bench: Workbench
    question_set: QuestionSet
    collection: Collection
    grid: SweepGrid
    settings: tuple[Setting, ...]
    questions: tuple[LabelledQuestion, ...]
    left_out: tuple[tuple[LabelledQuestion, str], ...]

    @classmethod
    def of(
        cls, bench: Workbench, question_set: QuestionSet | str, grid: SweepGrid, collection: Collection | str | None
    ) -> _Work:
        if isinstance(question_set, str):
            question_set = QuestionSets(bench.catalog.engine).get(question_set)
        if not isinstance(collection, Collection):
            collection = bench.collection(collection)
        asked, left_out = in_collection(bench, question_set, collection)
        if not asked:
            raise nothing_to_measure(question_set, left_out)
        settings = grid.settings(collection.embedding_model)
        if not settings or len(settings) > MOST_SETTINGS:
            raise QuestionSetError(
                f"A sweep takes 1 to {MOST_SETTINGS} settings, these are {len(settings)}; choose others."
            )
        return cls(bench, question_set, collection, grid, settings, tuple(asked), tuple(left_out))

    @cached_property
    def rests_on(self) -> str:
        """Digest of questions and documents: only runs of equal ones compare."""
        labels = "\0".join(repr(question) for question in self.questions)
        return hashlib.sha256(f"{self.bench.fingerprints.of(self.collection).digest}{labels}".encode()).hexdigest()[:16]

    def variants(self, settings: Sequence[Setting]) -> list[tuple[ChunkOptions, str]]:
        return list(dict.fromkeys((setting.chunk, setting.embedding_model) for setting in settings))

    def do(self, sweep: Sweep, job: Job[SweepResult]) -> None:
        done = Runs(self.bench.catalog.engine).settings_done(sweep.id)
        left = [setting for setting in self.settings if setting.key not in done]
        vectors: dict[str, tuple[Vectors, float]] = {}
        variants = self.variants(left)
        for number, (options, model) in enumerate(variants, 1):
            mine = [s for s in left if (s.chunk, s.embedding_model) == (options, model)]
            place = f"{options.chunk_size_tokens} tokens ({number} of {len(variants)})"
            self._do_variant(sweep, job, mine, place, vectors)

    def _do_variant(
        self,
        sweep: Sweep,
        job: Job[SweepResult],
        mine: Sequence[Setting],
        place: str,
        vectors: dict[str, tuple[Vectors, float]],
    ) -> None:
        """Cut, embed and search once, then score every setting."""
        options, model = mine[0].chunk, mine[0].embedding_model
        job.begin(0, "chunks", f"Cutting into {place}")
        made = cut(self.bench, self.collection, options, model, stop=job.stopping)
        matrix, asked, embed_ms = None, None, 0.0
        if _needs_vectors(mine, options, model):
            matrix = self._matrix(made, model, place, job)
            if model not in vectors:
                embedder = self.bench.embedder(model)
                assert embedder is not None
                texts = [question.text for question in self.questions]
                vectors[model] = question_vectors(embedder, texts, stop=job.stopping)
            asked, embed_ms = vectors[model]
        job.begin(len(mine), "settings", f"Measuring {place}")
        pool, search_ms = self._pool(made, matrix, asked)
        for setting in mine:
            if job.stopping():
                raise StoppedError("Stopped; start again to go on from there.")
            ms = search_ms + (embed_ms if setting.mode != "keyword" else 0.0)
            self._keep(sweep, setting, pool, made, ms)
            job.advance(1, setting.title)

    def _matrix(self, made: Cut, model: str, place: str, job: Job[SweepResult]) -> Vectors:
        embedder = self.bench.embedder(model)
        assert embedder is not None
        missing = missing_texts(self.bench, model, made.texts)
        job.begin(len(missing), "chunks", f"Embedding {place}")
        if missing:
            embed_missing(self.bench, embedder, missing, on_done=job.advance, stop=job.stopping)
        return kept_matrix(self.bench, embedder, made.texts)

    def _pool(self, made: Cut, matrix: Vectors | None, asked: Vectors | None) -> tuple[Pool, float]:
        """Return the candidates of all questions, and the milliseconds that searching took for one."""
        variant = Variant(made, matrix, [question.text for question in self.questions])
        size = max(self.grid.pool, *self.grid.top_ks)
        began = time.perf_counter()
        scored = [
            variant.scored(question.text, None if asked is None else asked[at], size)
            for at, question in enumerate(self.questions)
        ]
        ms = (time.perf_counter() - began) * 1000 / len(self.questions)
        return make_pool(self.questions, scored, self.collection, left_out=self.left_out), ms

    def _keep(self, sweep: Sweep, setting: Setting, pool: Pool, made: Cut, latency_ms: float) -> None:
        options = SearchOptions(
            mode=setting.mode,
            top_k=setting.top_k,
            weight=setting.weight if setting.mode == "hybrid" else 0.5,
            pool=self.grid.pool,
            similarity_threshold=self.grid.threshold,
        )
        note = ""
        if self.grid.threshold is None:
            threshold, note = self._threshold(setting, recommend(pool, options))
            options = replace(options, similarity_threshold=threshold)
        used = setting.embedding_model if setting.mode != "keyword" else ""
        searched = self.bench.fingerprints.of(
            self.collection, options=setting.chunk, embedding_model=used, chunks=len(made.texts)
        )
        costs = {"embedded_tokens": int(made.tokens.sum()) if used else 0, "latency_ms": latency_ms}
        price = _price(self.bench, used, made.texts) if used else 0.0
        if price is not None:
            costs["cost_usd"] = price
        run = as_run(
            rescore(pool, options), self.question_set, searched, title=setting.title, sweep_id=sweep.id, costs=costs
        )
        run = replace(run, info=replace(run.info, threshold_note=note))
        Runs(self.bench.catalog.engine).add(run, setting=setting.key)

    def _threshold(self, setting: Setting, found: Recommendation) -> tuple[float, str]:
        """Return what a setting is measured at, and why that is not a recommended threshold where it is not."""
        if found.threshold is not None:
            return found.threshold, ""
        threshold, whose = self.collection.similarity_threshold, "the collection's own"
        other = setting.mode != "keyword" and setting.embedding_model != self.collection.embedding_model
        if other:  # scores of two models do not compare
            embedder = self.bench.embedder(setting.embedding_model)
            assert embedder is not None
            threshold, whose = embedder.default_threshold, "the default of its embedding model"
        return threshold, f"{found.sentence} It was measured at {threshold:.2f}, {whose}."


def _needs_vectors(settings: Sequence[Setting], options: ChunkOptions, model: str) -> bool:
    return any(s.mode != "keyword" for s in settings if (s.chunk, s.embedding_model) == (options, model))


def _price(bench: Workbench, model: str, texts: Sequence[str]) -> float | None:
    """Return what embedding these texts costs; None when there is no price."""
    if model.startswith("local/") or not texts:
        return 0.0
    try:
        price = getattr(bench.embedder(model), "price_usd", None)
        return None if price is None else price(texts)
    except RagError:
        return None


def _tokens_per_s(bench: Workbench, model: str) -> float | None:
    """Return how many tokens a second the model embedded lately, by the ledger."""
    calls = [
        record
        for record in bench.ledger.records(limit=2000)
        if f"{record.provider}/{record.model}" == model and record.action in ("ingest", "sweep", "embed")
        if record.duration_ms and record.usage.input_tokens
    ]
    spent_ms = sum(record.duration_ms or 0.0 for record in calls)
    return float(np.sum([record.usage.input_tokens for record in calls])) / spent_ms * 1000 if spent_ms else None
