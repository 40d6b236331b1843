"""Files go in whole or not at all, and every file of a drop is told what became of it."""

from __future__ import annotations

from pathlib import Path

import pytest

import rag
from rag.errors import StoreInUseError, StoreReadOnlyError
from rag.ingestion.naming import clean_name
from rag.types import ChunkOptions, IngestReport, Upload

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
