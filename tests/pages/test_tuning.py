"""Search with a question set: every move of a slider is measured on all of its questions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Visit = Callable[..., Any]
QUESTION = "Why was turbine 3 out of service and for how long?"
ABSENT = ("What is the capital of Mongolia?", "Who painted The Night Watch?")


def sample_set(bench: Any, name: str = "sample questions") -> Any:
    """Make a set of the questions that come with the sample documents."""
    import rag
    from tests.conftest import SAMPLES

    found = rag.evaluation.import_questions(bench, "questions.jsonl", (SAMPLES / "questions.jsonl").read_bytes())
    return rag.evaluation.QuestionSets(bench.catalog.engine).create(name, found.questions)


def small_set(bench: Any) -> Any:
    """Make a set of three questions, one of them with evidence."""
    import rag

    sets = rag.evaluation.QuestionSets(bench.catalog.engine)
    made = sets.create("small", [rag.evaluation.new_question(text, label="absent") for text in ABSENT])
    hit = rag.search(bench, QUESTION).hits[0]
    rag.evaluation.label_question(bench, made.id, QUESTION, rag.evaluation.evidence_of(hit))
    return sets.get(made.id)


def choose(page: Any, set_id: str) -> Any:
    """Choose a set, which the page must have seen first, and wait until it is measured."""
    return page.run().pick("tuning.set", set_id).finish("score")


@pytest.fixture
def tuned(visit_with_samples: Visit) -> Any:
    """The Search page with the sample questions chosen."""
    page = visit_with_samples("search")
    return choose(page, sample_set(page.bench).id)


def threshold_key(page: Any) -> str:
    return f"search.threshold.{page.bench.collection().id}"


def test_without_a_set_nothing_is_measured(visit_with_samples: Visit) -> None:
    """None is chosen by default, and the page says what choosing one gives."""
    page = visit_with_samples("search")
    assert not page.has("tuning.set.drawn")
    assert "Choose a question set" in page.drawn("search.hint")


def test_a_chosen_set_shows_its_figures(tuned: Any) -> None:
    """Headline figures with their intervals, a group of cells for each kind of question, and what was not measured."""
    drawn = tuned.drawn("tuning.set.drawn")
    for name in ("Answered", "Hit@1", "Hit@5", "nDCG@10", "Rejected"):
        assert name in drawn
    assert "In the documents (31)" in drawn and "Not in the documents (10)" in drawn and "Not measured (4)" in drawn


def test_a_slider_moves_the_figures_of_the_whole_set(tuned: Any) -> None:
    """At a threshold that nothing reaches every question is missed or rejected, and the change since the choice is said."""
    tuned.pick(threshold_key(tuned), 1.0)
    drawn = tuned.drawn("tuning.set.drawn")
    assert "Answered 0 %" in drawn and "missed 31" in drawn and "rejected, as it should be 10" in drawn
    assert "−" in drawn and "Change since the built-in settings: hybrid 0.50 · top 6 · threshold 0.42" in drawn


def test_a_tag_that_moved_measures_the_set_anew(tuned: Any) -> None:
    """The figures are of the documents that have the tag now."""
    import rag
    from pages.parts import controls

    catalog = tuned.bench.catalog
    one, other = catalog.documents()[:2]
    for tagged, bare in ((one, other), (other, one)):
        catalog.set_tags(bare.id, [])
        catalog.set_tags(tagged.id, ["kept"])
        tuned.run().pick(controls.keys(tuned.bench.collection())["tags"], ["kept"]).finish("score")
        options = rag.SearchOptions(tags=("kept",))
        expected = rag.evaluation.evaluate(tuned.bench, "sample questions", options=options)
        assert f"{expected.figures['ndcg@10'].value:.3f}" in tuned.drawn("tuning.set.drawn")


def test_figures_are_those_of_the_engine(tuned: Any) -> None:
    """The page shows what `rag.evaluation` says for the settings on it."""
    import rag

    tuned.pick(threshold_key(tuned), 0.5)
    options = rag.SearchOptions(similarity_threshold=0.5)
    expected = rag.evaluation.evaluate(tuned.bench, "sample questions", options=options)
    drawn = tuned.drawn("tuning.set.drawn")
    assert f"{round(expected.figures['answered'].value * 31)} of 31" in drawn
    assert f"{expected.figures['ndcg@10'].value:.3f}" in drawn


def test_moving_a_slider_searches_nothing_again(tuned: Any) -> None:
    """The ledger has one search a question, however far the sliders move."""

    def searches() -> int:
        return sum(r.action == "search" for r in tuned.bench.ledger.records())

    before = searches()
    tuned.pick(threshold_key(tuned), 0.3).pick("search.top_k", 3.0).pick("search.weight", 0.8)
    assert before == searches() > 0


def test_a_cell_opens_its_question(tuned: Any) -> None:
    """The question of a cell goes into the box and its hits are shown below the strip."""
    tuned.pick("search.next", QUESTION)
    assert QUESTION == tuned.test.text_input[0].value
    assert "candidates" in tuned.drawn("search.results") and tuned.has("tuning.set.drawn")


def test_the_recommended_threshold_is_applied_with_one_press(tuned: Any) -> None:
    """Apply moves the slider to the recommended value, and from then on nothing is left to apply."""
    tuned.pick(threshold_key(tuned), 0.9)
    assert "questions gained" in tuned.drawn("tuning.threshold")
    tuned.press("Apply")
    now = tuned.test.session_state[threshold_key(tuned)]
    assert 0.1 < now < 0.6 and f"At {now:.2f}" in tuned.drawn("tuning.threshold")
    assert next(b for b in tuned.test.button if b.label.startswith("Apply")).disabled


def test_a_recommendation_that_changes_nothing_says_so_first(tuned: Any) -> None:
    """Where every question comes out the same, the present threshold is called as good."""
    assert "is as good" not in tuned.pick(threshold_key(tuned), 0.9).drawn("tuning.threshold")
    tuned.press("Apply")
    best = tuned.test.session_state[threshold_key(tuned)]
    tuned.pick(threshold_key(tuned), round(best + 0.01, 2))
    said = tuned.drawn("tuning.threshold")
    assert said.index(f"The present {best + 0.01:.2f} is as good.") < said.index("At ")


def test_the_recommended_threshold_goes_into_the_profile(tuned: Any) -> None:
    """One press saves it in the chosen profile, whose other settings stay, and changes are measured from the profile as saved."""
    import rag
    from rag.types import Profile

    tuned.bench.profiles.save(Profile("board", rag.SearchOptions(similarity_threshold=0.8, top_k=4)))
    tuned.pick("profile.chosen", "board")
    assert "Change since board: hybrid 0.50 · top 4 · threshold 0.80" in tuned.drawn("tuning.set.drawn")
    tuned.press("Save it in board")
    saved = tuned.bench.profiles.get("board").search
    assert 4 == saved.top_k and 0.1 < saved.similarity_threshold < 0.6
    assert saved.similarity_threshold == tuned.test.session_state[threshold_key(tuned)]
    assert f"Change since board: hybrid 0.50 · top 4 · threshold {saved.similarity_threshold:.2f}" in tuned.drawn(
        "tuning.set.drawn"
    )
    assert next(b for b in tuned.test.button if b.label.startswith("Save it in")).disabled


def test_too_few_labels_recommend_nothing(visit_with_samples: Visit) -> None:
    """With three labels there is a sentence in the place of a number, and nothing to apply."""
    page = visit_with_samples("search")
    choose(page, small_set(page.bench).id)
    assert "Too few labels to recommend a threshold" in page.drawn("tuning.threshold")
    assert not [b for b in page.test.button if b.label.startswith("Apply")]


def test_near_misses_say_what_brings_them_in(tuned: Any) -> None:
    """Evidence that fell short is listed with the change of a setting that is enough."""
    tuned.pick(threshold_key(tuned), 0.7)
    table = tuned.drawn("tuning.near.drawn")
    assert "lower the threshold to" in table and "What brings it in" in table


def test_a_set_of_drafts_is_one_sentence(visit_with_samples: Visit) -> None:
    """A set without labels cannot be measured: the page says what to do, and one question can still be searched."""
    import rag

    page = visit_with_samples("search", q=QUESTION)
    made = rag.evaluation.QuestionSets(page.bench.catalog.engine).create("new", [rag.evaluation.new_question("Why?")])
    choose(page, made.id)
    assert any("no labelled question yet" in sentence for sentence in page.boxes())
    assert page.has("search.results") and "Not measured (1)" in page.drawn("tuning.set.unmeasured")


def test_a_set_with_only_absent_questions_is_measured(visit_with_samples: Visit) -> None:
    """Only what applies is shown: how many are rejected, no share of answered ones."""
    import rag

    page = visit_with_samples("search")
    absent = [rag.evaluation.new_question(text, label="absent") for text in ABSENT]
    choose(page, rag.evaluation.QuestionSets(page.bench.catalog.engine).create("absent", absent).id)
    drawn = page.drawn("tuning.set.drawn")
    assert "Rejected" in drawn and "2 of 2" in drawn and "Answered" not in drawn


def test_a_set_whose_documents_are_gone_is_one_sentence(tuned: Any) -> None:
    """Labels outlive their documents: the page says which are missing, and no label is lost."""
    import rag

    for document in tuned.bench.catalog.documents():
        tuned.bench.catalog.delete_document(document.id)
    rag.ingest(tuned.bench, [rag.Upload("tides.txt", b"High water comes twice a day. " * 20)])
    absent = [q.id for q in rag.evaluation.QuestionSets(tuned.bench.catalog.engine).list()]
    tuned.run().finish("score")
    drawn = tuned.drawn("tuning.set.drawn")
    assert "Not measured (35)" in drawn and "Not in the documents (10)" in drawn and 1 == len(absent)
    kept = rag.evaluation.QuestionSets(tuned.bench.catalog.engine).get(absent[0])
    assert 31 == len(kept.labelled("evidence"))


def test_a_set_of_one_question_is_measured(visit_with_samples: Visit) -> None:
    """One label gives its figure, and no recommendation."""
    import rag

    page = visit_with_samples("search")
    made = small_set(page.bench)
    rag.evaluation.QuestionSets(page.bench.catalog.engine).remove([q.id for q in made.questions if q.label == "absent"])
    choose(page, made.id)
    assert "1 of 1" in page.drawn("tuning.set.drawn")
    assert "Too few labels to recommend a threshold: 1 question with evidence" in page.drawn("tuning.threshold")


@pytest.mark.parametrize(
    "data", [bytes(range(256)) * 4, b"", b"question\n", b'{"question": "Why?"', b"question,document\n,x.pdf\n"]
)
def test_a_broken_import_is_told_and_loses_nothing(tuned: Any, data: bytes) -> None:
    """Whatever the file holds, the page stands, says a sentence, and the chosen set has its questions."""
    import rag

    before = rag.evaluation.QuestionSets(tuned.bench.catalog.engine).get("sample questions")
    tuned.open("tuning.menu").drop(("broken.csv", data))
    said = [*tuned.boxes(), tuned.drawn("tuning.report.drawn")]
    assert any(len(sentence) > 20 for sentence in said)
    assert before == rag.evaluation.QuestionSets(tuned.bench.catalog.engine).get("sample questions")


def test_a_set_deleted_elsewhere_leaves_the_page_standing(tuned: Any) -> None:
    """Deleted in another tab: the chooser goes back to one question."""
    sets = tuned.bench
    import rag

    store = rag.evaluation.QuestionSets(sets.catalog.engine)
    store.delete(store.list()[0].id)
    tuned.run()
    assert "" == tuned.test.session_state["tuning.set"] and not tuned.has("tuning.set.drawn")


# --- making sets ---


def pressed(page: Any, value: str, *, set_name: str = "") -> None:
    """Do what a label button of the hits does: AppTest cannot press what a component drew."""
    import rag
    from pages.parts import labelling

    sets = rag.evaluation.QuestionSets(page.bench.catalog.engine)
    result = rag.search(page.bench, QUESTION)
    labelling.act(page.bench, sets.get(set_name) if set_name else None, result, value)


def test_every_hit_can_be_labelled(visit_with_samples: Visit) -> None:
    """Each hit offers to be the answer, and the question to have none here."""
    results = visit_with_samples("search", q=QUESTION).drawn("search.results")
    assert "This answers it" in results and "Not in the documents" in results


def test_a_label_without_a_set_begins_one(visit_with_samples: Visit) -> None:
    """The first label makes a set, where the question is expected in the span of the hit; the hit then says so."""
    import rag

    page = visit_with_samples("search", q=QUESTION)
    hit = rag.search(page.bench, QUESTION).hits[0]
    pressed(page, f"label:{hit.chunk.id}")
    made = rag.evaluation.QuestionSets(page.bench.catalog.engine).get("My questions")
    assert [(QUESTION, "evidence")] == [(q.text, q.label) for q in made.questions]
    assert (hit.chunk.start, hit.chunk.end) == (made.questions[0].evidence[0].start, made.questions[0].evidence[0].end)
    results = choose(page, made.id).drawn("search.results")
    assert "expected" in results and "Not this" in results and "expected in 1 place" in results


def test_selected_words_are_the_evidence(visit_with_samples: Visit) -> None:
    """What is stored is the span of the document between the offsets, in the document's own words and without spaces at its ends."""
    import rag

    page = visit_with_samples("search", q=QUESTION)
    chunk = rag.search(page.bench, QUESTION).hits[0].chunk
    words = " ".join(chunk.text.split(" ")[3:6])
    start = chunk.text.index(words) - 1
    pressed(page, f"words:{chunk.id}:{start}:{start + len(words) + 2}")
    made = rag.evaluation.QuestionSets(page.bench.catalog.engine).get("My questions")
    (piece,) = made.questions[0].evidence
    assert (words.strip(), chunk.start + start + 1) == (piece.quote, piece.start)
    assert page.bench.catalog.document(chunk.document_id).text[piece.start : piece.end] == piece.quote
    assert "Not this" in choose(page, made.id).drawn("search.results")


@pytest.mark.parametrize(
    "place", ["", "5", "5:5", "9:5", "-1:5", "0:99999", "0:1e3", "٣:٩", "0:5:7", "a:b", "0:" + "9" * 5000]
)
def test_offsets_that_are_no_words_of_the_hit_are_refused(visit_with_samples: Visit, place: str) -> None:
    """A browser may say anything: nothing is stored, and a sentence says what to do."""
    import rag
    from pages.parts import labelling
    from rag.errors import QuestionSetError

    page = visit_with_samples("search")
    hit = rag.search(page.bench, QUESTION).hits[0]
    with pytest.raises(QuestionSetError, match="Select the words of one hit"):
        labelling.selected(hit, place)
    pressed(page, f"words:{hit.chunk.id}:{place}")
    assert () == rag.evaluation.QuestionSets(page.bench.catalog.engine).get("My questions").questions


def test_labels_of_a_replaced_document_are_found_again(visit_with_samples: Visit) -> None:
    """The line says where evidence is now; a press finds what still stands in the present version, and tells what does not."""
    import rag
    from rag.types import Evidence

    page = visit_with_samples("search", q="What is the ferry's fare?")
    text = "The fare of the ferry is eleven crowns. It leaves at nine. " * 4

    def add(text: str) -> str:
        (done,) = rag.ingest(page.bench, [rag.Upload("ferry.txt", text.encode())]).files
        return str(done.document_id)

    old = add(text)
    pieces = [Evidence(old, "ferry.txt", s := text.index(w), s + len(w), quote=w) for w in ("eleven crowns", "at nine")]
    sets = rag.evaluation.QuestionSets(page.bench.catalog.engine)
    made = sets.create(
        "ferry", [rag.evaluation.new_question("What is the ferry's fare?", label="evidence", evidence=tuple(pieces))]
    )
    choose(page, made.id)
    assert "expected in 2 places." in page.drawn("search.results")
    new = add("A note before it. " + text.replace("at nine", "in the morning"))
    assert "In ferry: 2 places in another version of ferry.txt: find them again" in page.run().drawn("search.results")
    page.open("tuning.menu").press("Find labels again")
    report = page.drawn("tuning.report.drawn")
    assert "1 of 2 labels of replaced documents found again." in report
    assert "its words do not stand in the present ferry.txt; label it anew" in report
    found, kept = sets.get("ferry").questions[0].evidence
    assert (new, "eleven crowns", pieces[1]) == (found.document_id, found.quote, kept)
    assert page.bench.catalog.document(new).text[found.start : found.end] == "eleven crowns"
    said = page.drawn("search.results")
    assert "expected in 1 place; 1 place in another version of ferry.txt" in said
    page.bench.catalog.delete_document(new)
    said = page.run().drawn("search.results")
    assert "2 places in ferry.txt, which was deleted." in said
    page.press("Find labels again")
    assert "nothing to find again" in page.drawn("tuning.report.drawn")


def test_labels_can_be_changed_and_taken_back(visit_with_samples: Visit) -> None:
    """A wrong label is not for good: the place goes, the question becomes one that is not in the documents, and leaves."""
    import rag

    page = visit_with_samples("search", q=QUESTION)
    small_set(page.bench)
    chunk_id = rag.search(page.bench, QUESTION).hits[0].chunk.id
    sets = rag.evaluation.QuestionSets(page.bench.catalog.engine)
    labels = []
    for value in (f"unlabel:{chunk_id}", "absent:", "out:"):
        pressed(page, value, set_name="small")
        labels.append([q.label for q in sets.get("small").questions if q.text == QUESTION])
    assert [["draft"], ["absent"], []] == labels


def test_sample_questions_are_one_press_away(visit_with_samples: Visit) -> None:
    """The questions that come with the samples become a set that is chosen and measured at once."""
    page = visit_with_samples("search").open("tuning.menu").press("Questions on the sample documents").finish("score")
    assert "31 of 31" in page.drawn("tuning.set.drawn") or "In the documents (31)" in page.drawn("tuning.set.drawn")
    assert "45 questions imported" in page.drawn("tuning.report.drawn")


def test_an_imported_row_that_fits_no_document_says_so(visit_with_samples: Visit) -> None:
    """The set is made of all rows; one that points nowhere stays as a draft, with its sentence."""
    rows = "question,document,page,answerable\nWho wrote it?,nowhere.pdf,1,\nWho is the king of Mars?,,,false\n"
    page = visit_with_samples("search").open("tuning.menu").drop(("board.csv", rows.encode()))
    report = page.drawn("tuning.report.drawn")
    assert "board.csv: 2 questions imported, 1 of them drafts" in report and "nowhere.pdf" in report
    assert "Not measured (1)" in page.finish("score").drawn("tuning.set.drawn")


def test_a_file_that_is_no_table_is_one_sentence(visit_with_samples: Visit) -> None:
    """Nothing is made of it and nothing is lost."""
    page = visit_with_samples("search").open("tuning.menu").drop(("notes.csv", b"just,some\nwords,here\n"))
    assert any("has no column" in sentence for sentence in page.boxes())
    assert ["None: one question"] == page.test.selectbox(key="tuning.set").options


def test_a_set_is_renamed_and_deleted(tuned: Any) -> None:
    """Renaming keeps the choice; deleting asks once more."""
    import rag

    sets = rag.evaluation.QuestionSets(tuned.bench.catalog.engine)
    tuned.open("tuning.menu")
    rename = next(w for w in tuned.test.text_input if w.label == "Rename")
    rename.set_value("board questions")
    tuned.run()
    assert ["board questions"] == [info.name for info in sets.list()]
    tuned.press("Delete")
    assert 1 == len(sets.list())
    tuned.press("Delete 45 questions for good")
    assert [] == sets.list() and not tuned.has("tuning.set.drawn")


def test_a_taken_name_is_one_sentence(tuned: Any) -> None:
    """Two sets of one name could not be told apart."""
    tuned.open("tuning.menu")
    new = next(w for w in tuned.test.text_input if w.label == "New set")
    new.set_value("sample questions")
    tuned.run()
    assert any("already" in sentence for sentence in tuned.boxes())


def test_measuring_a_set_is_nobody_elses_business(tuned: Any) -> None:
    """Collections shows no result of it, names no such work in its sidebar, and lets a collection be deleted beside it."""
    import threading

    from tests.pages.conftest import Page

    done = threading.Event()
    kind = tuned.test.session_state["tuning.job"][1].kind
    assert not Page("embedding").test.success
    job = tuned.bench.jobs.start(kind, "Measuring a set", lambda job: done.wait(60))
    try:
        page = Page("embedding")
        delete = next(b for b in page.test.button if b.label == "Delete…")
        assert not delete.disabled
        assert "Measuring" not in page.markdown()
        assert not any(b.label in ("Stop", "Put away") for b in page.test.button)
    finally:
        done.set()
        job.wait(10)


# --- the address ---


def test_a_link_reproduces_the_screen(visit_with_samples: Visit) -> None:
    """Question, set, mode, sliders and filter of a link are what the page opens with."""
    sample_set(visit_with_samples("search").bench)
    page = visit_with_samples("search", q=QUESTION, set="sample questions", mode="semantic", t="0.35", k="3", w="0.7")
    page.finish("score")
    assert "semantic · top 3 · threshold 0.35" in page.drawn("search.results")
    assert "Change since the built-in settings: hybrid 0.50" in page.drawn("tuning.set.drawn")


def test_a_broken_link_opens_the_page(visit_with_samples: Visit) -> None:
    """What a link says wrongly is passed over."""
    page = visit_with_samples("search", q=QUESTION, set="gone", mode="psychic", t="high", k="-4", only="zz")
    assert "hybrid" in page.drawn("search.results") and "top 1 " in page.drawn("search.results")
