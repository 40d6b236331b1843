"""Documents: look before you add, add in the background, keep the library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Visit = Callable[..., Any]
TEXT = ("The tower of Brackwater stands forty metres tall. It was built in 1911 from local stone.\n\n" * 40).encode()


def slide(page: Any, name: str, value: float) -> None:
    page.pick(f"preview.{name}.{page.bench.collection().id}", value)


def tick_first(page: Any) -> None:
    page.pick(
        page.test.dataframe[0].proto.id.rpartition("-")[2], {"selection": {"rows": [0], "columns": [], "cells": []}}
    )


def test_an_empty_library_says_what_to_do(visit: Visit) -> None:
    """A first visitor reads how to begin."""
    assert "No documents yet" in visit("documents").drawn("documents.empty")


def test_a_dropped_file_is_drawn_and_not_stored(visit: Visit) -> None:
    """Chunks are seen in their text, with number and tokens, while the library is still empty."""
    page = visit("documents").drop(("tower.txt", TEXT))
    sheet = page.drawn("preview.sheet")
    assert "1 " in sheet and "tokens" in sheet
    assert "stands forty metres tall" in sheet
    assert [] == page.bench.catalog.documents()


def test_the_sliders_cut_anew(visit: Visit) -> None:
    """A smaller chunk size gives more chunks at once; overlap is marked in the text."""
    page = visit("documents").drop(("tower.txt", TEXT))
    before = page.drawn("preview.facts")
    slide(page, "size", 60.0)
    assert before != page.drawn("preview.facts")
    assert "overlap" not in page.drawn("preview.legend")
    slide(page, "overlap", 20.0)
    assert "overlap" in page.drawn("preview.legend")


def test_adding_reports_every_file(visit: Visit) -> None:
    """The good files of a drop go in; each of the others has a row that says why it did not."""
    page = visit("documents").drop(
        ("tower.txt", TEXT),
        ("broken.pdf", b"%PDF-1.7 nothing"),
        ("empty.txt", b"  \n"),
        ("picture.txt", b"\x89PNG\r\n\x1a\n" + bytes(40)),
    )
    page.press("Add 1 document").finish("ingest")
    report = page.drawn("documents.report")
    assert "1 document with" in report
    assert "broken.pdf failed" in report and "empty.txt empty" in report and "picture.txt" in report
    assert ["tower.txt"] == [d.name for d in page.bench.catalog.documents()]


def test_known_and_replaced_files_are_told(visit: Visit) -> None:
    """The same bytes are known, another text under the same name replaces the first."""
    page = visit("documents").drop(("tower.txt", TEXT)).press("Add 1 document").finish("ingest")
    page.drop(("tower.txt", TEXT)).press("Add 1 document").finish("ingest")
    assert "tower.txt known" in page.drawn("documents.report")
    assert "Nothing new: 1 file is in main already" in page.drawn("documents.report")
    page.drop(("tower.txt", TEXT + b"It was painted white.")).press("Add 1 document").finish("ingest")
    assert "tower.txt replaced" in page.drawn("documents.report")
    assert 1 == len(page.bench.catalog.documents())


def test_other_options_go_into_a_new_collection(visit_with_samples: Visit) -> None:
    """A filled collection keeps the options that made it; what is on screen is offered as a new one, and then chosen."""
    page = visit_with_samples("documents").drop(("tower.txt", TEXT))
    slide(page, "size", 80.0)
    page.press("Add to the new collection").finish("ingest")
    sizes = {c.name: c.options.chunk_size_tokens for c in page.bench.catalog.collections()}
    assert {"main": 200, "main 80/0": 80} == sizes
    assert "main 80/0" == page.test.session_state["collection"]


def test_an_empty_collection_takes_the_options_on_screen(visit: Visit) -> None:
    """Nothing is lost by changing what holds nothing."""
    page = visit("documents").drop(("tower.txt", TEXT))
    slide(page, "size", 80.0)
    page.press("Add 1 document").finish("ingest")
    assert [80] == [c.options.chunk_size_tokens for c in page.bench.catalog.collections()]


def test_a_collection_filled_meanwhile_keeps_its_documents(visit: Visit) -> None:
    """A page that was drawn while the collection was empty cannot empty it, nor mix chunks of two kinds into it."""
    import rag
    from pages.parts import preview

    page = visit("documents").drop(("tower.txt", TEXT))
    stale = page.bench.collection()
    rag.ingest(page.bench, [rag.Upload("other.txt", TEXT + b"More.")])
    filled = page.bench.collection()
    assert preview._with_options(page.bench, stale, rag.ChunkOptions(80)) is None
    assert filled == page.bench.collection() and 1 == filled.documents
    slide(page, "size", 80.0)
    assert any(b.label == "Add to the new collection" for b in page.test.button)


def test_a_collection_that_is_being_filled_keeps_its_options(visit: Visit) -> None:
    """While files are on their way into an empty collection, other options are offered a new one."""
    from threading import Event

    import rag
    from pages.parts import preview

    page = visit("documents").drop(("tower.txt", TEXT))
    target, go_on = page.bench.collection(), Event()
    page.bench.jobs.start("ingest", "Adding", lambda job: go_on.wait(60), subject=target.id)
    try:
        assert preview._with_options(page.bench, target, rag.ChunkOptions(80)) is None
        slide(page, "size", 80.0)
        assert any(b.label == "Add to the new collection" for b in page.test.button)
    finally:
        go_on.set()


def test_ticks_do_not_move_to_other_documents(visit_with_samples: Visit) -> None:
    """After a delete nothing is ticked: the row below does not inherit the tick of the one that went."""
    page = visit_with_samples("documents")
    tick_first(page)
    page.press("Delete 1 document…").press("Delete for good")
    assert 2 == len(page.bench.catalog.documents())
    assert not any(b.label.startswith("Delete") for b in page.test.button)


def test_a_document_that_is_gone_already_keeps_no_other(visit_with_samples: Visit) -> None:
    """Two are ticked and the first is deleted in another tab: the second goes all the same, and the index forgets both."""
    page = visit_with_samples("documents")
    table = page.test.dataframe[0].proto.id.rpartition("-")[2]
    page.pick(table, {"selection": {"rows": [0, 1], "columns": [], "cells": []}}).press("Delete 2 documents…")
    first, _, third = page.bench.catalog.documents()
    page.bench.catalog.delete_document(first.id)
    page.press("Delete for good").finish("tidy")
    assert [third.id] == [d.id for d in page.bench.catalog.documents()]
    assert [] == page.bench.catalog.removals(page.bench.collection().id)


def test_samples_lead_to_questions(visit: Visit) -> None:
    """One click brings three documents and questions that open Ask."""
    page = visit("documents").press("Load samples").finish("ingest")
    assert 3 == len(page.bench.catalog.documents())
    assert "Try a question" in page.markdown()
    assert page.test.get("page_link")


def test_a_file_that_cannot_be_read_says_why(visit: Visit) -> None:
    """The preview of a broken file is one sentence, not a failure."""
    page = visit("documents").drop(("broken.pdf", b"%PDF-1.7 nothing"))
    assert any("broken.pdf" in sentence for sentence in page.boxes())


def test_files_that_cannot_go_in_are_told_at_once(visit: Visit) -> None:
    """Before anything is added, each bad file of a drop is marked and has its sentence, and the button counts the others."""
    page = visit("documents").drop(("broken.pdf", b"%PDF-1.7 nothing"), ("tower.txt", TEXT), ("empty.txt", b"  \n"))
    told = page.drawn("preview.refused")
    assert "2 files cannot go in" in told and "broken.pdf" in told and "empty.txt" in told
    assert ["✕ broken.pdf", "tower.txt", "✕ empty.txt"] == page.test.selectbox(key="preview.file").options
    assert "stands forty metres tall" in page.drawn("preview.sheet")
    page.press("Add 1 document")
    job = page.bench.jobs.recent("ingest")[0]
    page.finish("ingest")
    assert "Adding 1 file" == job.title
    assert ["tower.txt", "broken.pdf", "empty.txt"] == [file.name for file in job.result.files]
    assert "broken.pdf" in page.drawn("documents.report") and not job.result.stopped


def test_a_disk_that_fills_up_is_said_beside_what_is_in(visit: Visit) -> None:
    """The sentence of the failure, and the report of the files before it."""
    import sqlalchemy as sa

    page = visit("documents")
    page.bench.catalog.delete_collection("main")
    page.bench.create_collection("main", embedding_model="")
    engine = page.bench.catalog.engine
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one() + 40
    sa.event.listen(engine, "checkout", lambda driver, *_: driver.execute(f"PRAGMA max_page_count = {pages}"))
    big = " ".join(f"word{n}" for n in range(100_000)).encode()
    page.run().drop(("tower.txt", b"It was built in 1911."), ("big.txt", big)).press("Add 2 documents").finish("ingest")
    assert any("is full" in sentence for sentence in page.boxes())
    assert "1 document with" in page.drawn("documents.report") and "tower.txt added" in page.drawn("documents.report")


def test_full_lines_of_a_page_flow_on() -> None:
    """A line break of a PDF is drawn as a space after a full line, never at a short line, a list item or an empty line."""
    from pages.parts.chunk_view import flowing

    full = "x" * 60
    assert f"{full} and on\nshort" == flowing(f"{full}\nand on\nshort")
    for kept in (f"{full}\n\nNext", f"{full}\n• item", f"{full}\n2. item", f"{full[1:]}\nshort"):
        assert kept == flowing(kept)


def test_a_hostile_name_stays_text(visit: Visit) -> None:
    """A file named like an image is nowhere given to markdown unescaped, and its path is cut off."""
    page = visit("documents").drop(("../../" + "a" * 290 + "![x](http://127.0.0.1:9/leak).txt", TEXT))
    page.press("Add 1 document").finish("ingest")
    assert "![x](" not in page.markdown()
    name = page.bench.catalog.documents()[0].name
    assert len(name) <= 200 and "/" not in name


def test_the_report_outlives_a_page_switch_and_greets_nobody_else(visit: Visit) -> None:
    """The session that added finds the report until it is put away; a new tab or a reload does not get it again."""
    page = visit("documents").drop(("tower.txt", TEXT)).press("Add 1 document").finish("ingest")
    assert "tower.txt added" in page.go("usage").go("documents").drawn("documents.report")
    assert not visit("documents").has("documents.report")
    assert not page.press("Put away").has("documents.report")


def test_a_report_that_nobody_saw_waits_for_the_next_visitor(visit: Visit) -> None:
    """Who closes the browser while files go in finds out what became of them, once."""
    import rag

    bench = visit("documents").bench
    rag.start_ingest(bench, [rag.Upload("tower.txt", TEXT)]).wait(60)
    assert "tower.txt added" in visit("documents").drawn("documents.report")
    assert not visit("documents").has("documents.report")


def test_documents_are_tagged_together(visit_with_samples: Visit) -> None:
    """What the chosen ones have in common is changed for all of them; what only some have, they keep."""
    from pages.parts import tagging

    page = visit_with_samples("documents")
    first, second, third = page.bench.catalog.documents()
    page.bench.catalog.set_tags(first.id, ["annual", "own"])
    page.bench.catalog.set_tags(second.id, ["annual"])
    chosen = [d for d in page.bench.catalog.documents() if d.id in (first.id, second.id)]
    tags = {d.id: d.tags for d in chosen}
    assert {first.id: ("annual", "own"), second.id: ("annual",)} == tags
    tagging.change(page.bench, chosen, removed={"annual"}, added={"board"})
    tags = {d.id: d.tags for d in page.bench.catalog.documents()}
    assert {first.id: ("board", "own"), second.id: ("board",), third.id: ()} == tags
    assert "board" in str(page.run().test.dataframe[0].value["Tags"].tolist())
