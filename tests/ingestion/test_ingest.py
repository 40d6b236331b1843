"""Files go in whole or not at all, and every file of a drop is told what became of it."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
import sqlalchemy as sa

import rag
from rag.errors import CollectionNotFoundError, StoreError, StoreInUseError, StoreReadOnlyError
from rag.ingestion import building
from rag.ingestion.measuring import measure_threshold
from rag.ingestion.naming import clean_name
from rag.ingestion.reporting import Silent
from rag.store import schema
from rag.types import ChunkOptions, Collection, IngestReport, Upload

TEXT = "\n\n".join(f"Paragraph {n} says that the harbour of town {n} was dredged in {1900 + n}." for n in range(40))


@pytest.fixture
def bench(tmp_path: Path):
    """A fresh workbench."""
    with rag.open_workbench(tmp_path / "data") as opened:
        yield opened


def statuses(report: IngestReport) -> list[str]:
    return [f.status for f in report.files]


def test_a_file_is_added_once_and_known_after(bench: rag.Workbench) -> None:
    """The same bytes go in once, under whatever name they come."""
    first = rag.ingest(bench, [Upload("a.txt", TEXT.encode())])
    again = rag.ingest(bench, [Upload("a.txt", TEXT.encode()), Upload("b.txt", TEXT.encode())])
    assert ["added"] == statuses(first)
    assert ["known", "known"] == statuses(again)
    assert 1 == len(bench.catalog.documents())
    assert "as a.txt" in again.files[1].message


def test_new_content_under_a_known_name_replaces(bench: rag.Workbench) -> None:
    """A corrected file takes the place of the old one: nothing of the old text is found any more."""
    rag.ingest(bench, [Upload("a.txt", b"The vault code is heliotrope.")])
    report = rag.ingest(bench, [Upload("a.txt", b"The vault code is chartreuse.")])
    texts = [
        h.chunk.text for h in rag.search(bench, "vault code", options=rag.SearchOptions(similarity_threshold=0)).hits
    ]
    assert ["replaced"] == statuses(report)
    assert ["The vault code is chartreuse."] == texts
    assert 1 == len(bench.catalog.documents())


def test_catalog_and_index_agree_after_ingest(bench: rag.Workbench) -> None:
    """Chunks, vectors and index entries are the same number, and the index may answer."""
    rag.ingest(bench, [Upload("a.txt", TEXT.encode()), Upload("b.md", b"# Title\n\n" + TEXT[:900].encode())])
    found = rag.health(bench, "main")
    assert found.ok, found.problems
    assert found.chunks == found.vectors == found.indexed > 2
    assert bench.index_ready(bench.collection().id)


def test_bad_files_do_not_keep_the_others_out(bench: rag.Workbench) -> None:
    """Each bad file of a drop gets one sentence; the good ones go in."""
    hostile = "../" * 90 + "x" * 300 + ".txt"
    report = rag.ingest(
        bench,
        [
            Upload("broken.pdf", b"%PDF-1.7\nnothing"),
            Upload("empty.txt", b"  \n"),
            Upload("picture.pdf", b"\x89PNG\r\n\x1a\n" + bytes(50)),
            Upload("archive.zip", b"PK\x03\x04" + bytes(50)),
            Upload(hostile, TEXT.encode()),
        ],
    )
    assert ["failed", "empty", "failed", "failed", "added"] == statuses(report)
    assert all(f.message.endswith(".") and "Traceback" not in f.message for f in report.files[:4])
    assert "/" not in report.files[4].name and len(report.files[4].name) <= 200


def test_files_of_one_name_in_one_drop_are_two_documents(bench: rag.Workbench, tmp_path: Path) -> None:
    """Two folders may each hold a report.txt: neither replaces the other, this time or the next."""
    for folder, text in (("a", "The north pier was closed."), ("b", "The south pier was opened.")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "report.txt").write_text(text, encoding="utf-8")
    first = rag.ingest(bench, [tmp_path / "a", tmp_path / "b"])
    again = rag.ingest(bench, [tmp_path / "a", tmp_path / "b"])
    assert (["added", "added"], ["known", "known"]) == (statuses(first), statuses(again))
    assert {"report.txt", "report (2).txt"} == {d.name for d in bench.catalog.documents()}


def folders(root: Path, **texts: str) -> Path:
    """A folder for each year with a report.txt."""
    for year, text in texts.items():
        folder = root / year.removeprefix("y")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.txt").write_text(text, encoding="utf-8")
    return root


def tagged(bench: rag.Workbench) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Name and tags of every document, by its text."""
    return {bench.catalog.document(d.id).text: (d.name, d.tags) for d in bench.catalog.documents()}


OLD, NEXT, NEW = "The north pier was closed.", "The south pier was opened.", "The east pier was painted."


def test_a_file_that_comes_before_others_of_its_name_moves_none_of_them(bench: rag.Workbench, tmp_path: Path) -> None:
    """What the collection holds keeps its name and tags when a folder is added again with one more of that name in it."""
    drop = folders(tmp_path / "drop", y2024=OLD, y2025=NEXT)
    for year, found in zip(("2024", "2025"), rag.ingest(bench, [drop]).files, strict=True):
        bench.catalog.set_tags(found.document_id, [year])
    report = rag.ingest(bench, [folders(drop, y2023=NEW)])
    assert ["added", "known", "known"] == statuses(report)
    assert "as report (2).txt" in report.files[2].message
    kept = {OLD: ("report.txt", ("2024",)), NEXT: ("report (2).txt", ("2025",))}
    assert {**kept, NEW: ("report (3).txt", ())} == tagged(bench)
    assert ["known"] * 3 == statuses(rag.ingest(bench, [drop]))


def test_a_changed_file_among_others_of_its_name_replaces_its_own_version(bench: rag.Workbench, tmp_path: Path) -> None:
    """The others are in the same drop, so the version that is missing there is the one it follows, wherever it stands."""
    drop = folders(tmp_path / "drop", y2024=OLD, y2025=NEXT)
    rag.ingest(bench, [drop])
    report = rag.ingest(bench, [folders(drop, y2024=NEW)])
    assert ["replaced", "known"] == statuses(report)
    assert {NEW: ("report.txt", ()), NEXT: ("report (2).txt", ())} == tagged(bench)
    later = "The west pier was sold."
    assert ["known", "replaced"] == statuses(rag.ingest(bench, [folders(drop, y2025=later)]))
    assert {NEW: ("report.txt", ()), later: ("report (2).txt", ())} == tagged(bench)


def test_a_file_that_was_renamed_is_not_replaced_by_the_next_of_its_name(bench: rag.Workbench, tmp_path: Path) -> None:
    """Its bytes are in the drop under another name, so the new file beside it is no version of it."""
    (tmp_path / "report.txt").write_text(OLD, encoding="utf-8")
    rag.ingest(bench, [tmp_path / "report.txt"])
    (tmp_path / "report.txt").rename(tmp_path / "old report.txt")
    (tmp_path / "report.txt").write_text(NEW, encoding="utf-8")
    assert ["added", "known"] == statuses(rag.ingest(bench, [tmp_path / "report.txt", tmp_path / "old report.txt"]))
    assert {OLD: ("report.txt", ()), NEW: ("report (2).txt", ())} == tagged(bench)


def test_more_new_files_of_a_name_than_old_versions_replace_none(bench: rag.Workbench, tmp_path: Path) -> None:
    """Which of them is the new version cannot be told: the old one stays with its tags, and the report says so."""
    drop = folders(tmp_path / "drop", y2024=OLD)
    bench.catalog.set_tags(rag.ingest(bench, [drop]).files[0].document_id, ["2024"])
    report = rag.ingest(bench, [folders(drop, y2023=NEW, y2024=NEXT)])
    assert ["added", "added"] == statuses(report)
    assert all("report.txt was kept" in f.message for f in report.files)
    assert {OLD: ("report.txt", ("2024",)), NEW: ("report (2).txt", ()), NEXT: ("report (3).txt", ())} == tagged(bench)


def test_one_new_file_replaces_none_of_several_that_are_not_in_the_drop(bench: rag.Workbench, tmp_path: Path) -> None:
    """The document of its very name is in the drop, and either of the others could be the one it follows."""
    drop = folders(tmp_path / "drop", y2023=OLD, y2024=NEXT, y2025=NEW)
    rag.ingest(bench, [drop])
    later = "The west pier was sold."
    report = rag.ingest(bench, [folders(drop, y2025=later) / "2023", drop / "2025"])
    assert ["known", "added"] == statuses(report)
    assert "report (2).txt was kept" in report.files[1].message
    assert {OLD, NEXT, NEW, later} == set(tagged(bench))


def test_a_number_is_not_given_where_a_file_of_the_drop_has_it(bench: rag.Workbench, tmp_path: Path) -> None:
    """A file that is itself called "report (2).txt" keeps that name, and replaces its own version only."""
    drop = folders(tmp_path / "drop", y2024=OLD, y2025=NEXT)
    (drop / "report (2).txt").write_text(NEW, encoding="utf-8")
    rag.ingest(bench, [drop / "2024", drop / "2025", drop / "report (2).txt"])
    assert {OLD: "report.txt", NEXT: "report (3).txt", NEW: "report (2).txt"} == {
        text: name for text, (name, _) in tagged(bench).items()
    }


def test_a_missing_path_is_told(bench: rag.Workbench, tmp_path: Path) -> None:
    """A path that is not there fails alone."""
    good = tmp_path / "good.txt"
    good.write_text(TEXT, encoding="utf-8")
    report = rag.ingest(bench, [tmp_path / "gone.txt", good])
    assert ["failed", "added"] == statuses(report)
    assert "does not exist" in report.files[0].message


def test_stopping_keeps_what_is_finished(bench: rag.Workbench) -> None:
    """Stop between two files: the first is in, the second is not, and the report says stopped."""

    class StopAfterFirst:
        begun = 0

        def plan(self, behind: float, part: float, whole: float) -> None: ...

        def begin(self, total: int, unit: str, message: str = "") -> None:
            self.begun += "Reading" in message

        def advance(self, n: int = 1, message: str | None = None) -> None: ...

        def stopping(self) -> bool:
            return self.begun > 1

    report = rag.ingest(
        bench, [Upload("a.txt", b"First file."), Upload("b.txt", b"Second file.")], report=StopAfterFirst()
    )
    assert (["added"], True) == (statuses(report), report.stopped)
    assert ["a.txt"] == [d.name for d in bench.catalog.documents()]
    assert rag.health(bench, "main").ok


def test_a_document_that_is_read_differently_now_stops_no_other(bench: rag.Workbench) -> None:
    """What another collection rests on was read by an older version: that is one sentence about this file, and the others go in."""
    files = [Upload(name, f"This is {name}.".encode()) for name in ("first.txt", "a.txt", "z.txt")]
    known = rag.ingest(bench, [files[1]]).files[0].document_id
    table = schema.documents
    with bench.catalog.engine.begin() as connection:
        read = zlib.compress(b"This was a.txt, as it was read then.")
        connection.execute(sa.update(table).where(table.c.id == known).values(text=read))
    bench.create_collection("other", embedding_model="")
    report = rag.ingest(bench, files, collection="other")
    assert ["added", "failed", "added"] == statuses(report)
    assert "read differently by this version" in report.files[1].message


BIG = " ".join(f"word{n}" for n in range(100_000)).encode()


def limit_growth(bench: rag.Workbench) -> None:
    """Leave the catalog room for what is small, as a disk that is nearly full."""
    engine = bench.catalog.engine
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one() + 40
    sa.event.listen(engine, "checkout", lambda driver, *_: driver.execute(f"PRAGMA max_page_count = {pages}"))


def test_a_disk_that_fills_up_midway_leaves_a_report_of_what_is_in(bench: rag.Workbench) -> None:
    """The job fails with the sentence, and tells what it has done until then, which is in."""
    bench.create_collection("main", embedding_model="")
    limit_growth(bench)
    job = rag.start_ingest(bench, [Upload("a.txt", b"Small."), Upload("big.txt", BIG), Upload("z.txt", b"Last.")])
    assert job.wait(60) and ("failed", True) == (job.state, "disk" in job.error and "is full" in job.error)
    assert job.result is not None
    assert (["added"], True) == (statuses(job.result), job.result.stopped)
    assert ["a.txt"] == [d.name for d in bench.catalog.documents()]
    with pytest.raises(StoreError, match="is full"):
        rag.ingest(bench, [Upload("big.txt", BIG)])


def test_a_build_that_the_disk_ends_tells_what_is_in(bench: rag.Workbench) -> None:
    """As for files: the documents before it are in the new collection, and in the report of the failed job."""
    bench.create_collection("main", embedding_model="")
    added = rag.ingest(bench, [Upload("a.txt", b"Small."), Upload("big.txt", BIG)])
    limit_growth(bench)
    ids = [f.document_id for f in added.files]
    job = rag.build_collection(bench, "other", embedding_model="", document_ids=ids)
    assert job.wait(60) and ("failed", True) == (job.state, "is full" in job.error)
    assert job.result is not None
    assert [("a.txt", "added")] == [(f.name, f.status) for f in job.result.files]


def test_progress_is_of_the_whole_drop(bench: rag.Workbench) -> None:
    """The share only grows from the first file to the last, whatever the size of the files, and a single step knows no whole."""
    from rag.jobs import Job

    seen: list[float] = []

    class Watched(Job[None]):
        def advance(self, n: int = 1, message: str | None = None) -> None:
            super().advance(n, message)
            seen.append(self.progress.whole or 0.0)

    job = Watched("ingest", "Adding")
    assert job.progress.whole is None
    texts = [f"{word} stands here alone. " * times for word, times in (("Ash", 400), ("Birch", 40), ("Cedar", 800))]
    rag.ingest(bench, [Upload(f"{i}.txt", text.encode()) for i, text in enumerate(texts)], report=job)
    assert sorted(seen) == seen and 1.0 == seen[-1]
    assert any(0.05 < share < 0.3 for share in seen)  # a step that ends is not the end of all
    assert 0.0 == job.progress.whole_remaining_s


def test_a_second_collection_reuses_the_vectors(bench: rag.Workbench) -> None:
    """Building another collection with the same options embeds nothing anew; other options make other chunks."""
    rag.ingest(bench, [Upload("a.txt", TEXT.encode())])
    same = rag.build_collection(bench, "same")
    assert same.wait(60) and same.state == "done", same.error
    small = rag.build_collection(bench, "small", options=ChunkOptions(40, 0))
    assert small.wait(60) and small.state == "done", small.error
    embedded = [r.items for r in bench.ledger.records() if r.action == "ingest"]
    by_name = {c.name: c for c in bench.catalog.collections()}
    assert 2 == len(embedded), "one call for main, none for same, one for small"
    assert by_name["main"].chunks == by_name["same"].chunks < by_name["small"].chunks
    assert all(rag.health(bench, name).ok for name in by_name)


def test_a_collection_that_is_deleted_while_it_is_built_stays_deleted(bench: rag.Workbench) -> None:
    """The default one too: nothing more is embedded for it, and no empty one takes its place."""
    (added,) = rag.ingest(bench, [Upload("a.txt", b"First file.")], collection=made(bench, "other")).files
    gone = made(bench, "main")
    bench.catalog.delete_collection("main")
    with pytest.raises(CollectionNotFoundError):
        building._fill(bench, gone, [added.document_id], Silent())
    assert ["other"] == [c.name for c in bench.catalog.collections()]


def test_looking_at_the_default_collection_makes_none(bench: rag.Workbench) -> None:
    """What measures, checks or fills a collection finds it or says that it is gone."""
    gone = made(bench, "main")
    bench.catalog.delete_collection("main")
    measure_threshold(bench, gone, Silent())
    for look in (rag.health, rag.fill_collection):
        with pytest.raises(CollectionNotFoundError):
            look(bench, "main")
    assert [] == bench.catalog.collections()


def made(bench: rag.Workbench, name: str) -> Collection:
    return bench.create_collection(name, embedding_model="")


def test_one_process_owns_the_folder(bench: rag.Workbench) -> None:
    """A second owner is refused with a sentence; reading beside the owner works and cannot write."""
    rag.ingest(bench, [Upload("a.txt", b"The owl sleeps at noon.")])
    with pytest.raises(StoreInUseError, match="in use"):
        rag.open_workbench(bench.data_dir)
    with rag.open_workbench(bench.data_dir, read_only=True) as reader:
        assert rag.search(reader, "When does the owl sleep?").hits
        with pytest.raises(StoreReadOnlyError):
            rag.ingest(reader, [Upload("b.txt", b"No.")])


def test_the_index_can_be_rebuilt_from_the_catalog(bench: rag.Workbench) -> None:
    """Rebuilding gives the same hits from a new folder."""
    rag.ingest(bench, [Upload("a.txt", TEXT.encode())])
    before = [h.chunk.id for h in rag.search(bench, "harbour of town 7").hits]
    job = rag.rebuild_index(bench)
    assert job.wait(60) and job.state == "done", job.error
    after = rag.search(bench, "harbour of town 7")
    assert (before, "chroma") == ([h.chunk.id for h in after.hits], after.used_index)


def test_preview_shows_what_ingest_will_store(bench: rag.Workbench) -> None:
    """The previewed spans are those that go in, and previewing stores nothing."""
    upload = Upload("a.txt", TEXT.encode())
    seen = rag.preview(bench, upload)
    assert [] == bench.catalog.documents()
    rag.ingest(bench, [upload])
    stored = bench.catalog.chunks_of(bench.collection().id, seen.document.id)
    assert [(c.start, c.end) for c in seen.chunks] == [(c.start, c.end) for c in stored]
    assert all(0 < tokens <= 200 for tokens in seen.tokens)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("a\x00b\u202ec.pdf", "abc.pdf"),
        ("", "unnamed"),
        ("C:\\x\\y.txt", "y.txt"),
        ("...", "unnamed"),
    ],
)
def test_names_are_labels_never_paths(name: str, shown: str) -> None:
    """Folders, control characters and direction marks are gone from a name."""
    assert shown == clean_name(name)
