"""Experiments: sweeps with price and time said before, runs held side by side, both opened again by their address."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from test_tuning import choose, sample_set, small_set

Visit = Callable[..., Any]


@pytest.fixture
def ready(visit_with_samples: Visit) -> Any:
    """The page over the samples with their questions as a set."""
    page = visit_with_samples("search")
    sample_set(page.bench)
    return page.go("experiments")


def planned(page: Any, **values: list[Any]) -> Any:
    """Choose the values of a grid and wait for what it takes."""
    for name, chosen in values.items():
        page.test.multiselect(key=f"sweeps.{name}").set_value(chosen)
    return page.run().finish("plan")


def swept(page: Any) -> Any:
    """Run a small sweep."""
    return planned(page, sizes=[100, 200], modes=["keyword"], tops=[3, 6]).press("Try 4 settings").finish("sweep")


def runs_of(page: Any) -> Any:
    import rag

    return rag.evaluation.Runs(page.bench.catalog.engine)


def test_without_a_set_the_page_says_what_to_do(visit_with_samples: Visit) -> None:
    """There is nothing to measure by: the page names the places where a set is made."""
    page = visit_with_samples("experiments")
    assert "Label a few results on Search" in page.drawn("experiments.noset")
    assert not [b for b in page.test.button if b.label.startswith("Try")]


def test_price_and_time_are_said_before(ready: Any) -> None:
    """Number of settings, price, time and texts to embed stand beside the button before anything is embedded."""
    before = len(ready.bench.ledger.records())
    planned(ready, sizes=[60, 100], modes=["hybrid", "keyword"], weights=[0.3, 0.5], tops=[3])
    plan = ready.drawn("sweeps.plan.drawn")
    assert "6 settings · free · about" in plan and "to embed" in plan
    assert before == len(ready.bench.ledger.records())


def test_a_sweep_names_the_cheapest_within_noise(ready: Any) -> None:
    """Results are a chart, a row a setting with ties marked, and a sentence; the address opens the sweep again."""
    swept(ready)
    chart, table = ready.drawn("sweeps.chart"), ready.drawn("sweeps.table")
    assert "has the best nDCG@10" in chart and "cheapest" in chart and "tied" in table
    assert 4 == table.count("tokens · keyword") and "best" in table
    sweep = runs_of(ready).sweeps()[0]
    assert sweep.id == ready.address("sweep") and 4 == sweep.settings == len(runs_of(ready).list(sweep_id=sweep.id))


def test_a_setting_becomes_a_profile_and_a_collection(ready: Any) -> None:
    """The chosen setting is kept under a name, and a collection is built in its chunks."""
    swept(ready)
    chosen = runs_of(ready).get(ready.test.session_state["sweeps.setting"]).info
    ready.test.text_input(key="sweeps.profile").set_value("board")
    ready.run()
    assert chosen.options == ready.bench.profiles.get("board").search
    ready.test.text_input(key="sweeps.build").set_value("like this")
    ready.run().finish("build")
    built = ready.bench.collection("like this")
    assert chosen.fingerprint.options == built.options and 3 == built.documents
    assert chosen.options.similarity_threshold == pytest.approx(built.similarity_threshold)


def test_a_sweep_of_one_label_recommends_no_threshold(visit_with_samples: Visit, visit: Visit) -> None:
    """Settings are measured at the collection's own threshold; table, chart, the chosen one, a comparison and a later visit say why.

    What is saved takes the own threshold of each collection, so a question about something else still finds nothing.
    """
    import rag

    page = visit_with_samples("search")
    made = small_set(page.bench)
    gone = [q.id for q in made.questions if q.label == "absent"]
    rag.evaluation.QuestionSets(page.bench.catalog.engine).remove(gone)
    planned(page.go("experiments"), sizes=[100, 200], modes=["hybrid"], weights=[0.5], tops=[3, 6])
    page.press("Try 4 settings").finish("sweep")
    why = "Too few labels to recommend a threshold: 1 question with evidence and 0 not in the documents"
    own = page.bench.collection().similarity_threshold
    runs = runs_of(page).list()
    assert {own} == {info.options.similarity_threshold for info in runs}
    for now in (page, visit("experiments", sweep=runs[0].sweep_id)):
        assert "The labels recommend no threshold for any setting" in now.drawn("sweeps.chart")
        assert f"threshold {own:.2f}, not recommended" in now.drawn("sweeps.chart")
        assert 4 == now.drawn("sweeps.table").count(f"{own:.2f}, not recommended")
        assert why in now.drawn("sweeps.chosen") and "It was measured at 0.42, the collection's own." in now.drawn()
        assert 2 == sum("No threshold is recommended" in caption.value for caption in now.test.caption)
    page.go("experiments", view="runs", a=runs[0].id, b=runs[1].id)
    page.test.session_state["experiments.view"] = "runs"
    assert 2 == page.run().drawn("runs.figures").count(why)
    page.test.session_state["experiments.view"] = "sweep"
    page.run().test.text_input(key="sweeps.profile").set_value("board")
    page.run()
    saved = page.bench.profiles.get("board").search
    assert saved.similarity_threshold is None
    assert () == rag.search(page.bench, "What is the capital of Mongolia?", options=saved).hits
    page.test.text_input(key="sweeps.build").set_value("like this")
    page.run().finish("build")
    assert own == page.bench.collection("like this").similarity_threshold


def test_a_stopped_sweep_goes_on(ready: Any) -> None:
    """What is done before a stop is kept and shown, and the page offers to do the rest."""
    import rag

    grid = rag.evaluation.SweepGrid(modes=("keyword",), top_ks=(1, 2, 3))
    job = rag.evaluation.start_sweep(ready.bench, "sample questions", grid)
    job.wait()
    first = runs_of(ready).list()[0]
    runs_of(ready).delete([first.id])  # as if it had been stopped before the last setting
    ready.run().press("Go on: 1 of 3").finish("sweep")
    assert 3 == len(runs_of(ready).list()) and not [b for b in ready.test.button if b.label.startswith("Go on")]


def test_a_sweep_is_deleted_at_the_second_press(ready: Any) -> None:
    """It goes with its runs, and the page begins anew."""
    swept(ready).press("Delete").press("Really delete")
    assert [] == list(runs_of(ready).sweeps()) and [] == runs_of(ready).list()
    assert ready.has("sweeps.empty")


# --- runs ---


@pytest.fixture
def compared(ready: Any) -> Any:
    """Two runs of the samples, side by side: three hits by meaning against six by words and meaning."""
    import rag

    ids = []
    for options in (rag.SearchOptions("semantic", 3), rag.SearchOptions(top_k=6)):
        found = rag.evaluation.evaluate(ready.bench, "sample questions", options=options)
        questions = rag.evaluation.QuestionSets(ready.bench.catalog.engine).get("sample questions")
        ids.append(rag.evaluation.keep_run(ready.bench, found, questions).info.id)
    return ready.go("experiments", view="runs", a=ids[0], b=ids[1])


def test_two_runs_stand_side_by_side(visit: Visit, compared: Any) -> None:
    """Both are told apart by settings and chunks; figures have their difference, a question its hits and what became of them."""
    import rag

    page = visit("experiments", view="runs", a=compared.address("a"), b=compared.address("b"))  # as a link would
    figures = page.drawn("runs.figures")
    assert "semantic · top 3" in figures and "hybrid 0.50 · top 6" in figures and "within noise" in figures
    a, b = (runs_of(page).get(page.address(side)) for side in "ab")
    expected = rag.evaluation.compare(a, b)
    assert f"{b.info.figures['ndcg@10'].value:.3f}" in figures
    changed = sum(each.verdict != "same" for each in expected.questions)
    listed = page.drawn("runs.questions")
    assert changed == sum(int(part.split()[0]) for part in listed.replace("Lost: ", "Gained: ").split("Gained: ")[1:])
    assert any(word in page.drawn("runs.detail") for word in ("entered", "moved", "left"))


def test_a_question_is_opened_in_both(compared: Any) -> None:
    """A press on a question shows its hits, and the address names it."""
    import rag

    found = rag.evaluation.compare(*(runs_of(compared).get(compared.address(side)) for side in "ab"))
    last = found.questions[-1].question
    compared.pick("runs.question", last.id)
    assert last.text in compared.drawn("runs.detail") and last.id == compared.address("question")


def test_a_deleted_document_is_said(compared: Any) -> None:
    """Hits in a document that is gone still say where they were; their text cannot be shown."""
    for document in compared.bench.catalog.documents():
        compared.bench.catalog.delete_document(document.id)
    assert "The document was deleted" in compared.run().drawn("runs.detail")


def test_runs_are_listed_and_deleted(compared: Any) -> None:
    """Each is a row with its settings and what it searched; a run goes at the second press."""
    from pages.parts import run_list

    assert 2 == compared.drawn("runs.table").count("43 chunks of 200 tokens")
    for _ in range(2):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("streamlit.session_state", compared.test.session_state)
            run_list._act(compared.bench, f"delete:{compared.address('a')}")
    assert 1 == len(runs_of(compared).list())
    assert 1 == compared.run().drawn("runs.table").count("43 chunks of 200 tokens")


def test_a_link_to_a_deleted_run_opens_the_page(compared: Any) -> None:
    """The newest runs are shown in its place."""
    runs_of(compared).delete([compared.address("a")])
    compared.go("experiments", view="runs", a="gone", b="gone too")
    assert compared.has("runs.figures")


def test_a_set_is_measured_and_kept(ready: Any) -> None:
    """Measure now keeps a run under a profile's settings and names the profile."""
    import rag
    from rag.types import Profile

    ready.bench.profiles.save(Profile("three", rag.SearchOptions(top_k=3)))
    ready.go("experiments", view="runs").test.session_state["experiments.view"] = "runs"
    ready.run().test.selectbox(key="runs.measure.profile").set_value("three")
    ready.run().press("Measure and keep").finish("run")
    kept = runs_of(ready).list()[0]
    assert ("three", 3) == (kept.profile, kept.options.top_k) and "three: hybrid" in ready.drawn("runs.table")


@pytest.mark.parametrize("labels", [1, 2])
def test_a_set_of_few_labels_is_measured(visit_with_samples: Visit, labels: int) -> None:
    """One question, or only questions that are not in the documents: a sweep runs and says what it can."""
    import rag

    page = visit_with_samples("search")
    made = small_set(page.bench)
    gone = [q.id for q in made.questions if (q.label == "evidence") == (labels == 2)]
    rag.evaluation.QuestionSets(page.bench.catalog.engine).remove(gone)
    swept(page.go("experiments"))
    assert "tokens · keyword" in page.drawn("sweeps.table")
    expected = "has the best" if labels == 1 else "No question of the set can be measured by nDCG@10"
    assert expected in page.drawn("sweeps.chart")


def test_search_keeps_what_is_on_its_screen(visit_with_samples: Visit) -> None:
    """Keep as a run stores the set under the settings of the sliders."""
    from pages.parts import tuning

    page = visit_with_samples("search")
    made = sample_set(page.bench)
    choose(page, made.id)
    assert "Keep as a run" in page.drawn("tuning.set.drawn")
    import rag
    from rag.types import Profile

    found = rag.evaluation.evaluate(page.bench, made, options=rag.SearchOptions(top_k=4))
    tuning.keep(page.bench, made, found, Profile(""))
    assert [4] == [info.options.top_k for info in runs_of(page).list()]


# --- the map ---


def points(page: Any) -> dict[str, Any]:
    """Return what the map's component was given."""
    proto = next(e.proto for e in page.test.get("bidi_component") if e.proto.component_name == "workbench.map")
    found: dict[str, Any] = json.loads(proto.bytes)[2]
    return found


def test_every_chunk_is_a_point_of_its_document(visit_with_samples: Visit) -> None:
    """Places lie between 0 and 1, each with its document, pages and the beginning of its text."""
    page = visit_with_samples("experiments", view="map")
    drawn = points(page)
    chunks = page.bench.collection().chunks
    assert chunks == len(drawn["x"]) == len(drawn["y"]) == len(drawn["t"]) == len(drawn["d"])
    assert (0, 1) == (min(drawn["x"]), max(drawn["x"])) and 3 == len(drawn["documents"]) == len(set(drawn["d"]))
    assert all(drawn["t"]) and drawn["question"] is None and [] == drawn["hits"]
    assert "of the differences" in page.drawn("map.about")


def test_a_question_has_a_place_among_its_hits(visit_with_samples: Visit) -> None:
    """The hits of a linked question are numbered points, and their texts say what the list beside them says."""
    page = visit_with_samples("experiments", view="map", q="Why was turbine 3 out of service?")
    drawn = points(page)
    assert 2 == len(drawn["question"]) and drawn["hits"]
    assert drawn["t"][drawn["hits"][0]][:60] in page.drawn("map.hits")
    assert "Why was turbine 3 out of service?" == page.address("q")


def test_a_collection_without_vectors_has_no_map(visit_with_samples: Visit) -> None:
    """An empty collection, or one of keywords only, gets a sentence."""
    page = visit_with_samples("documents")
    page.bench.create_collection("words", embedding_model="")
    page.test.session_state["collection.next"] = "words"
    page.go("experiments", view="map")
    assert "too few vectors for a map" in page.drawn("map.none")


# --- gaps ---


@pytest.fixture
def asked(visit_with_samples: Visit) -> Any:
    """The page after two questions on Ask that the samples do not answer, asked one like the other, and one thumbs-down."""
    import rag

    page = visit_with_samples("documents")
    for question in ("What is the capital of Mongolia?", "Which city is the capital of Mongolia?"):
        rag.ask(page.bench, question).wait()
    rag.evaluation.Feedback(page.bench.catalog.engine).add(
        "Who chairs the board?", is_good=False, collection="main", note="names the wrong one"
    )
    return page.go("experiments", view="gaps").finish("gaps")


def gap_act(page: Any, value: str, set_id: str = "") -> Any:
    """Do what a button of a gap does."""
    import rag
    from pages.parts import gap_list

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streamlit.session_state", {})
        gap_list._act(page.bench, rag.evaluation.gaps(page.bench), set_id, value)
    page.run()
    return page.finish("gaps")


def test_gaps_are_grouped_with_their_reasons(asked: Any) -> None:
    """Questions that ask the same are one group; a thumbs-down is one, too."""
    drawn = asked.drawn("gaps.drawn")
    assert "3 questions in 2 groups" in drawn and "not found" in drawn and "thumbs down" in drawn
    assert "1 other way of asking it" in drawn and "names the wrong one" in drawn and "Read it on Ask" in drawn


def test_a_gap_becomes_a_draft(asked: Any) -> None:
    """It goes into a set, says where it is from, and is no gap any more, until it is asked again."""
    import rag

    gap_act(asked, "draft:0")
    made = rag.evaluation.QuestionSets(asked.bench.catalog.engine).get("Questions from gaps").questions
    assert ["draft"] == [q.label for q in made] and "2 questions, not found" in made[0].note
    assert "Mongolia" not in asked.drawn("gaps.drawn") and "Who chairs the board?" in asked.drawn("gaps.drawn")
    rag.ask(asked.bench, "What is the capital of Mongolia?").wait()
    assert "Mongolia" in asked.run().finish("gaps").drawn("gaps.drawn")


def test_a_gap_is_dismissed(asked: Any) -> None:
    """A thumbs-down that is dismissed is settled for good."""
    import rag

    titles = [gap.title for gap in rag.evaluation.gaps(asked.bench)]
    gap_act(asked, f"dismiss:{titles.index('Who chairs the board?')}")
    assert "Who chairs" not in asked.drawn("gaps.drawn")
    assert [] == rag.evaluation.Feedback(asked.bench.catalog.engine).list()


def test_a_label_settles_the_thumbs_down(asked: Any) -> None:
    """Labelling the question on Search is what a thumbs-down waits for."""
    import rag

    hit = rag.search(asked.bench, "Who chairs the board?").candidates[0]
    made = rag.evaluation.QuestionSets(asked.bench.catalog.engine).create("labels")
    rag.evaluation.label_question(asked.bench, made.id, "Who chairs the board?", rag.evaluation.evidence_of(hit))
    assert "Who chairs" not in asked.run().finish("gaps").drawn("gaps.drawn")
    assert 1 == len(rag.evaluation.Feedback(asked.bench.catalog.engine).list("labelled"))
