"""A sweep measures what building each collection would measure, embeds no text twice, and goes on where it was stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_pools import QUESTIONS

import rag
from rag import ChunkOptions, Workbench
from rag.errors import QuestionSetError
from rag.evaluation import (
    QuestionSets,
    Runs,
    SweepGrid,
    compare,
    evaluate,
    import_questions,
    keep_run,
    new_question,
    plan_sweep,
    resume_sweep,
    start_sweep,
    sweep_result,
    sweep_table,
)
from rag.evaluation.variants import Variant, cut, embed_missing, kept_matrix, missing_texts
from rag.types import Collection, QuestionSet, SearchOptions

SMALL, BIG = ChunkOptions(chunk_size_tokens=60), ChunkOptions(chunk_size_tokens=200, overlap_tokens=30)
OTHER = ChunkOptions(chunk_size_tokens=150)
GRID = SweepGrid(chunks=(SMALL, BIG), modes=("hybrid", "semantic", "keyword"), weights=(0.3, 0.7), top_ks=(3, 6))


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory, with_samples: Callable[[Path], Path]) -> Iterator[Workbench]:
    """A workbench with the samples and their questions, which every test here may add to."""
    with rag.open_workbench(with_samples(tmp_path_factory.mktemp("owned"))) as bench:
        imported = import_questions(bench, "questions.jsonl", QUESTIONS.read_bytes())
        QuestionSets(bench.catalog.engine).create("samples", imported.questions)
        yield bench


@pytest.fixture(scope="module")
def built(owned: Workbench) -> Collection:
    """The samples, built with small chunks."""
    rag.build_collection(owned, "built", options=SMALL).wait()
    return owned.collection("built")


def embedded(bench: Workbench) -> int:
    """Return how many texts the ledger says were embedded."""
    return sum(record.items for record in bench.ledger.records() if record.action in ("ingest", "sweep"))


@pytest.mark.parametrize("model", ["local/all-MiniLM-L6-v2", ""])
def test_a_variant_finds_what_a_built_collection_finds(owned: Workbench, built: Collection, model: str) -> None:
    """Candidates in memory have the places and the parts that `rag.fetch` finds in a collection built with the same options."""
    if not model:
        rag.build_collection(owned, "words", options=SMALL, embedding_model="").wait()
        built = owned.collection("words")
    made = cut(owned, owned.collection("main"), SMALL, model)
    embedder = owned.embedder(model)
    questions = [question.text for question in QuestionSets(owned.catalog.engine).get("samples").questions[::6]]
    variant = Variant(made, kept_matrix(owned, embedder, made.texts) if embedder else None, questions)
    for text in questions:
        fetched = rag.fetch(owned, text, collection=built, options=SearchOptions(exact=True, pool=20))
        scored = variant.scored(text, embedder.embed_query(text) if embedder else None, 20)
        expected = {(h.chunk.document_id, h.chunk.start, h.chunk.end): h.parts for h in fetched.hits}
        rows = {(p.document_id, p.start, p.end): at for at, p in enumerate(scored.places)}
        assert len(set(expected) ^ set(rows)) <= 2, "ties at the end of the pool may fall either way"
        for place in set(expected) & set(rows):
            parts, at = expected[place], rows[place]
            got = (scored.cosine[at], scored.keyword[at], scored.coverage[at])
            assert got == pytest.approx((parts.cosine, parts.keyword, parts.coverage), abs=1e-5)


def test_a_sweep_from_plan_to_table(owned: Workbench) -> None:
    """The plan says what will be embedded; each setting is kept as a run; the table names ties and the cheapest of them."""
    before, collections = embedded(owned), owned.catalog.collections()
    plan = plan_sweep(owned, "samples", GRID)
    assert 2 * (2 * 2 + 2 + 2) == len(plan.settings)
    assert (0.0, True) == (plan.cost_usd, plan.seconds is not None and plan.seconds > 0)

    job = start_sweep(owned, "samples", GRID)
    assert job.wait(60) and job.state == "done", job.error
    assert job.result is not None
    assert plan.texts_to_embed == embedded(owned) - before, "each different chunk text is embedded once"
    assert 0 == plan_sweep(owned, "samples", GRID).texts_to_embed
    assert collections == owned.catalog.collections(), "no chunk is stored"

    table = sweep_table(owned, job.result.sweep_id)
    assert len(plan.settings) == len(table) == len(job.result.runs)
    assert table["ndcg@10"].is_monotonic_decreasing
    assert table["is_tied"].iloc[0] and 1 == table["is_cheapest"].sum()
    cheapest = table[table["is_cheapest"]].iloc[0]
    tied = table[table["is_tied"]]
    assert cheapest["is_tied"] and cheapest["context_characters"] == tied["context_characters"].min()
    assert (table.loc[~table["is_tied"], "behind_low"] > 0).all()
    assert set(table["mode"]) == {"hybrid", "semantic", "keyword"}
    assert (table.loc[table["mode"] == "keyword", "embedded_tokens"] == 0).all()
    with pytest.raises(ValueError, match="no measure of single questions"):
        sweep_table(owned, job.result.sweep_id, measure="auroc")


def test_a_setting_of_a_sweep_measures_what_the_collection_measures(owned: Workbench, built: Collection) -> None:
    """A sweep's run has the figures that `evaluate` gives on a collection built that way."""
    grid = SweepGrid(chunks=(SMALL,), top_ks=(5,), threshold=0.35)
    job = start_sweep(owned, "samples", grid)
    assert job.wait(60) and job.result is not None
    options = SearchOptions(top_k=5, similarity_threshold=0.35, exact=True)
    evaluation = evaluate(owned, "samples", collection=built, options=options)
    assert job.result.runs[0].figures["ndcg@10"].value == pytest.approx(evaluation.figures["ndcg@10"].value)
    assert job.result.runs[0].figures["rejected"] == evaluation.figures["rejected"]


def test_a_stopped_sweep_goes_on(owned: Workbench) -> None:
    """Stopping keeps the settings that are done and the vectors that were made; going on does the rest and nothing again."""
    grid = replace(GRID, chunks=(BIG, OTHER))
    wanted, before = plan_sweep(owned, "samples", grid).texts_to_embed, embedded(owned)
    job = start_sweep(owned, "samples", grid)
    while job.running and not sweep_result(owned, Runs(owned.catalog.engine).sweeps()[0].id).runs:
        job.wait(0.01)
    job.stop()
    assert job.wait(60) and job.state == "stopped" and job.result is not None
    done = len(job.result.runs)
    assert 0 < done < 16
    again = resume_sweep(owned, job.result.sweep_id)
    assert again.wait(60) and again.state == "done" and again.result is not None
    assert 16 == len(again.result.runs)
    assert wanted == embedded(owned) - before


def test_a_sweep_of_changed_questions_is_not_resumed(owned: Workbench) -> None:
    """Runs over other questions or documents do not compare: a new sweep is asked for."""
    sets = QuestionSets(owned.catalog.engine)
    own = sets.create("own", sets.get("samples").questions)
    job = start_sweep(owned, "own", SweepGrid(modes=("keyword",)))
    assert job.wait(60) and job.result is not None
    sets.add(own.id, [new_question("Is there a dog?", label="absent")])
    with pytest.raises(QuestionSetError, match="start a new one"):
        resume_sweep(owned, job.result.sweep_id)
    with pytest.raises(QuestionSetError, match="was deleted"):
        resume_sweep(owned, "gone")


def test_grids_say_what_is_different() -> None:
    """Weights count in hybrid mode alone, keyword search needs no second model, and a grid survives being kept."""
    grid = SweepGrid(embedding_models=("a/1", "a/2"), modes=("hybrid", "keyword"), weights=(0.2, 0.5), top_ks=(3,))
    keys = [setting.key for setting in grid.settings("")]
    assert 2 * 2 + 1 == len(keys) == len(set(keys))
    assert grid == SweepGrid.from_json(grid.as_json())
    assert {"keyword"} == {setting.mode for setting in SweepGrid(modes=("hybrid", "semantic")).settings("")}


def test_no_more_settings_than_anybody_can_read(owned: Workbench) -> None:
    """A grid that is far too large, or empty, is refused before anything is done."""
    for weights in (tuple(n / 1000 for n in range(600)), ()):
        with pytest.raises(QuestionSetError, match="A sweep takes 1 to 500 settings"):
            start_sweep(owned, "samples", SweepGrid(weights=weights))


def test_embedding_stops_and_keeps(owned: Workbench) -> None:
    """Only texts without a vector are embedded, and each of them once."""
    embedder = owned.embedder(owned.collection())
    assert embedder is not None
    missing = missing_texts(owned, embedder.name, ["one text", "another text", "one text"])
    assert ["one text", "another text"] == missing
    embed_missing(owned, embedder, missing, on_done=lambda n: None, stop=lambda: False)
    assert [] == missing_texts(owned, embedder.name, missing)


# --- runs and comparing ---


def test_runs_are_kept_and_opened_again(library: Workbench, question_set: QuestionSet) -> None:
    """A run carries its options, what it searched and every question with its hits."""
    evaluation = evaluate(library, question_set, options=SearchOptions(top_k=4))
    run = keep_run(library, evaluation, question_set, title="Before")
    again = Runs(library.catalog.engine).get(run.info.id)
    assert run.questions == again.questions
    assert (run.info.options, run.info.fingerprint, run.info.title) == (
        again.info.options, again.info.fingerprint, "Before",
    )  # fmt: skip
    assert again.info.figures["mrr"] == evaluation.figures["mrr"]
    assert run.info.id in [info.id for info in Runs(library.catalog.engine).list(set_id=question_set.id)]
    Runs(library.catalog.engine).delete([run.info.id])
    with pytest.raises(QuestionSetError, match="This run was deleted"):
        Runs(library.catalog.engine).get(run.info.id)


@settings(max_examples=15)
@given(weight=st.floats(0, 1), top_k=st.integers(1, 10), threshold=st.floats(0, 0.6))
def test_two_runs_side_by_side(
    library: Workbench, question_set: QuestionSet, weight: float, top_k: int, threshold: float
) -> None:
    """Every hit of either run is told once: it entered, left, moved or stayed; verdicts follow the outcomes."""
    runs = [
        keep_run(library, evaluate(library, question_set, options=options), question_set)
        for options in (SearchOptions(), SearchOptions(weight=weight, top_k=top_k, similarity_threshold=threshold))
    ]
    found = compare(*runs)
    assert found.same_chunks and 0 == found.only_in_one
    for change, old, new in zip(found.questions, runs[0].questions, runs[1].questions, strict=True):
        before = [hit.before for hit in change.hits if hit.before]
        after = [hit.after for hit in change.hits if hit.after]
        assert sorted(before, key=lambda hit: hit.rank) == list(old.hits)
        assert after == list(new.hits)
        for hit in change.hits:
            if hit.before and hit.after:
                assert hit.before.chunk_id == hit.after.chunk_id
                assert (hit.change == "stayed") == (hit.before.rank == hit.after.rank)
        good = [outcome in ("answered", "rejected") for outcome in (change.before, change.after)]
        assert change.verdict == {(0, 1): "gained", (1, 0): "lost"}.get(tuple(good), "same")  # type: ignore[call-overload]
    assert len(found.frame()) == len(found.questions)
    gained = runs[1].info.figures["mrr"].value - runs[0].info.figures["mrr"].value
    assert found.differences["mrr"].value == pytest.approx(gained)


def test_runs_of_different_chunks_compare_by_place(owned: Workbench, built: Collection) -> None:
    """Between two ways of cutting, a hit is the same when either holds half of the other; the comparison says that chunks differ."""
    kept = QuestionSets(owned.catalog.engine).get("samples")
    runs = [keep_run(owned, evaluate(owned, kept, collection=name), kept) for name in ("main", built)]
    found = compare(*runs)
    assert not found.same_chunks
    assert any(hit.before and hit.after for change in found.questions for hit in change.hits)
