"""The command line as another program sees it: JSON on stdout, one sentence on stderr, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import rag
from rag.types import Profile, SearchOptions

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "data" / "samples"
Run = Callable[..., subprocess.CompletedProcess[str]]
QUESTION = "Why was turbine 3 out of service and for how long?"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def run(data: Path) -> Run:
    """The `rag` command on one data folder of its own."""

    def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "rag.cli", *arguments],
            env={**os.environ, "RAG_DATA_DIR": str(data), **environment},
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=120,
        )

    return call


@pytest.fixture(scope="module")
def filled(run: Run) -> Run:
    """The same with the samples ingested."""
    done = run("ingest", str(SAMPLES), "--json")
    assert 0 == done.returncode, done.stderr
    return run


def test_ingest_reports_every_file_as_json(filled: Run) -> None:
    """A folder is taken with all supported files below it; a second time they are known."""
    again = filled("ingest", str(SAMPLES), "--json")
    files = json.loads(again.stdout)["files"]
    assert {"known"} == {f["status"] for f in files}
    assert {".pdf", ".md", ".txt"} <= {Path(f["name"]).suffix for f in files}
    assert all(f["chunks"] > 0 and len(f["document_id"]) == 64 for f in files)


def test_search_prints_hits_with_every_score_part(filled: Run) -> None:
    """`--top-k 10 --threshold 0` gives the ten best whatever their score, in rank order, each a span of its document."""
    question = rag.load_samples().questions[0]
    out = json.loads(filled("search", question, "--top-k", "10", "--threshold", "0", "--json").stdout)
    assert 10 == len(out["hits"])
    assert list(range(1, 11)) == [h["rank"] for h in out["hits"]]
    for hit in out["hits"]:
        assert {
            "document",
            "document_id",
            "chunk_id",
            "pages",
            "heading",
            "score",
            "cosine",
            "keyword",
            "coverage",
        } <= set(hit)
        assert hit["end"] - hit["start"] == len(hit["text"])
        assert 0 <= hit["score"] <= 1


def test_search_can_be_limited_to_a_document(filled: Run) -> None:
    """`--document NAME` searches that document only; an unknown name is told with the names there are."""
    name = next(p.name for p in SAMPLES.glob("*.md") if p.stem.lower() != "readme")
    hits = json.loads(filled("search", "policy", "--document", name, "--threshold", "0", "--json").stdout)["hits"]
    assert {name} == {h["document"] for h in hits}
    wrong = filled("search", "policy", "--document", "nope.pdf")
    assert 1 == wrong.returncode
    assert name in wrong.stderr


def test_many_questions_give_one_line_each_in_order(filled: Run, tmp_path: Path) -> None:
    """`--questions` prints one JSON object a line, in the order of the file."""
    questions = list(rag.load_samples().questions)
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps({"text": q}) + "\n" for q in questions), encoding="utf-8")
    lines = filled("search", "--questions", str(path), "--json").stdout.splitlines()
    assert questions == [json.loads(line)["question"] for line in lines]
    alone = json.loads(filled("search", questions[1], "--json").stdout)
    together = json.loads(lines[1])
    assert [h["chunk_id"] for h in alone["hits"]] == [h["chunk_id"] for h in together["hits"]]
    assert [h["score"] for h in alone["hits"]] == pytest.approx([h["score"] for h in together["hits"]], abs=1e-5)


def test_a_question_that_cannot_be_searched_keeps_its_line(filled: Run, tmp_path: Path) -> None:
    """The others are answered, its line says why it is not, and the end names the line of the file."""
    path = tmp_path / "questions.jsonl"
    path.write_text('{"text": "annual leave"}\n\n{"text": "   "}\n"members"\n', encoding="utf-8")
    done = filled("search", "--questions", str(path), "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert ["annual leave", "   ", "members"] == [line["question"] for line in lines]
    assert [False, True, False] == ["error" in line for line in lines]
    assert 1 == done.returncode and "line 3" in done.stderr


def test_search_can_be_limited_to_pages(filled: Run) -> None:
    """`--pages` keeps the chunks that touch them; what is no range is wrong usage."""
    hits = json.loads(filled("search", "members", "--pages", "2-3", "--threshold", "0", "--json").stdout)["hits"]
    assert hits and all({2, 3} & set(hit["pages"]) for hit in hits)
    assert 2 == filled("search", "members", "--pages", "two").returncode


def test_a_profile_is_the_base_of_other_options(filled: Run, data: Path) -> None:
    """`--profile` takes saved settings, and an option beside it goes before them."""
    with rag.open_workbench(data) as bench:
        bench.profiles.save(Profile("Strict", SearchOptions(mode="keyword", top_k=2, similarity_threshold=0.0)))
    options = json.loads(filled("search", "members", "--profile", "strict", "--top-k", "3", "--json").stdout)["options"]
    assert ("keyword", 3, 0.0) == (options["mode"], options["top_k"], options["threshold"])
    assert "no profile" in filled("search", "members", "--profile", "nope").stderr


def test_ask_cites_and_says_what_it_cost(filled: Run) -> None:
    """An answer names its model, costs an explicit zero locally, and each quote stands in its document."""
    out = json.loads(filled("ask", rag.load_samples().questions[0], "--json").stdout)
    assert out["found"] is True
    assert ("local/extractive", 0.0) == (out["model"], out["usage"]["cost_usd"])
    assert out["citations"]
    for citation in out["citations"]:
        assert f"[{citation['marker']}]" in out["text"]
        assert citation["end"] - citation["start"] == len(citation["quote"])


def test_ask_writes_a_report(filled: Run, tmp_path: Path) -> None:
    """`--report` writes the answer as one HTML file."""
    done = filled("ask", QUESTION, "--report", str(tmp_path / "a.html"))
    assert 0 == done.returncode, done.stderr
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>") and "data:image/jpeg;base64," in text


def test_nothing_is_asked_for_a_report_that_cannot_be_written(filled: Run, tmp_path: Path) -> None:
    """The place is tried before an answer is paid for: one sentence, and no call in the ledger; a file that is there stays."""
    calls = len(json.loads(filled("usage", "--json").stdout)["rows"])
    lost = filled("ask", QUESTION, "--json", "--report", str(tmp_path / "no" / "a.html"))
    assert (1, "") == (lost.returncode, lost.stdout)
    assert lost.stderr.count("\n") == 1 and "could not be written" in lost.stderr
    assert calls == len(json.loads(filled("usage", "--json").stdout)["rows"])
    kept, fresh = tmp_path / "kept.html", tmp_path / "fresh.html"
    kept.write_text("an earlier report", encoding="utf-8")
    for path in (kept, fresh):
        assert 1 == filled("ask", QUESTION, "--collection", "no-such", "--report", str(path)).returncode
    assert ("an earlier report", False) == (kept.read_text(encoding="utf-8"), fresh.exists())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file that is always full")
@pytest.mark.parametrize("as_json", [True, False])
def test_an_answer_is_printed_before_its_report_fails(filled: Run, as_json: bool) -> None:
    """The disk may fill up meanwhile: the answer, which may have cost money, is there all the same."""
    done = filled("ask", QUESTION, "--report", "/dev/full", *(["--json"] if as_json else []))
    assert 1 == done.returncode and "could not be written to /dev/full" in done.stderr
    assert "turbine 3" in (json.loads(done.stdout)["text"] if as_json else done.stdout).lower()


def test_ask_says_when_the_documents_do_not_say(filled: Run) -> None:
    """A question that no document answers is not found, and that is no failure."""
    done = filled("ask", "What is the boiling point of tungsten in kelvin?", "--json")
    out = json.loads(done.stdout)
    assert (0, False, []) == (done.returncode, out["found"], out["citations"])


def test_usage_lists_local_calls_at_zero(filled: Run) -> None:
    """Every call is in the ledger, local ones at an explicit zero."""
    rows = json.loads(filled("usage", "--json").stdout)["rows"]
    assert "ingest" in {r["action"] for r in rows}
    assert {0.0} == {r["cost_usd"] for r in rows}


def test_doctor_finds_everything_in_order(filled: Run) -> None:
    """After an ordinary ingest catalog and index agree."""
    done = filled("doctor", "--json")
    found = json.loads(done.stdout)
    assert (0, True) == (done.returncode, found["ok"]), done.stderr
    assert all(c["chunks"] == c["indexed"] for c in found["collections"])


def test_doctor_repairs_a_damaged_index(filled: Run, tmp_path: Path) -> None:
    """Damaged index files are found from outside, told with what to do, and rebuilt from the catalog on request."""
    data = tmp_path / "data"
    assert 0 == filled("ingest", str(SAMPLES), "--data", str(data)).returncode
    (database,) = data.glob("*/chroma.sqlite3")
    database.write_bytes(database.read_bytes()[:5000])
    sick = filled("doctor", "--data", str(data), "--json")
    mended = filled("doctor", "--repair", "--data", str(data), "--json")
    assert (1, False) == (sick.returncode, json.loads(sick.stdout)["ok"])
    assert "--repair" in sick.stderr
    assert (0, True) == (mended.returncode, json.loads(mended.stdout)["ok"]), mended.stderr


def test_a_bad_file_leaves_the_others_in(run: Run, tmp_path: Path) -> None:
    """Exit 3: the bad file is listed with one sentence, the good one is in."""
    (tmp_path / "good.txt").write_text("The lighthouse keeper counted forty-one ships that night.", encoding="utf-8")
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    done = run("ingest", str(tmp_path), "--data", str(tmp_path / "data"), "--json")
    status = {f["name"]: f["status"] for f in json.loads(done.stdout)["files"]}
    assert (3, {"good.txt": "added", "bad.pdf": "failed"}) == (done.returncode, status)
    assert "bad.pdf" in done.stderr


def test_doctor_says_what_it_did_not_look_at(filled: Run, data: Path) -> None:
    """Beside the process that owns the folder the index stays closed: no figure stands for it, and not that all agrees."""
    with rag.open_workbench(data):
        said, row = filled("doctor").stdout, json.loads(filled("doctor", "--json").stdout)["collections"][0]
    assert "The index was not looked at" in said and "indexed" not in said and "Everything agrees" not in said
    assert row["chunks"] == row["vectors"] > 0 and row["indexed"] is None


def test_the_reason_of_a_failure_is_said_once(run: Run, tmp_path: Path) -> None:
    """On stderr; the list on stdout names the file, and counts read as English."""
    (tmp_path / "good.txt").write_text("The lighthouse keeper counted forty-one ships that night.", encoding="utf-8")
    done = run("ingest", str(tmp_path / "gone.txt"), str(tmp_path / "good.txt"), "--data", str(tmp_path / "data"))
    assert ["failed   gone.txt", "added    good.txt  1 chunk"] == done.stdout.splitlines()
    assert f"rag: {tmp_path}/gone.txt does not exist; check the path.\n" == done.stderr


def test_a_path_that_no_system_takes_is_one_bad_file(run: Run, tmp_path: Path) -> None:
    """A name that is too long, a folder that is missing: listed with a sentence each, and the good file is in."""
    (tmp_path / "good.txt").write_text("The lighthouse keeper counted forty-one ships that night.", encoding="utf-8")
    paths = [str(tmp_path / name) for name in ("n" * 300 + ".txt", "missing/folder", "good.txt")]
    done = run("ingest", *paths, "--data", str(tmp_path / "data"), "--json")
    assert ["failed", "failed", "added"] == [f["status"] for f in json.loads(done.stdout)["files"]]
    assert 3 == done.returncode and "cannot be read (File name too long)" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="only Unix limits the size of files")
def test_what_is_in_is_told_when_the_catalog_fails_midway(tmp_path: Path) -> None:
    """The catalog may not grow any further at the second file: the first is listed, and the end is the failure's sentence and code."""
    import resource

    data, limit = tmp_path / "data", 3_000_000
    with rag.open_workbench(data) as bench:
        bench.create_collection("main", embedding_model="")
    (tmp_path / "a.txt").write_text("The lighthouse keeper counted forty-one ships that night.", encoding="utf-8")
    (tmp_path / "b.txt").write_text(" ".join(f"word{n}" for n in range(400_000)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "rag.cli", "ingest", str(tmp_path / "a.txt"), str(tmp_path / "b.txt"), "--json"],
        env={**os.environ, "RAG_DATA_DIR": str(data)}, capture_output=True, text=True, cwd=ROOT, timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    assert 1 == done.returncode and 1 == done.stderr.count("\n") and "catalog" in done.stderr, done.stderr
    report = json.loads(done.stdout)
    assert ([("a.txt", "added")], True) == ([(f["name"], f["status"]) for f in report["files"]], report["stopped"])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("search", "anything", "--data", "/nonexistent/folder"), 1),
        (("search", "", "--json"), 1),
        (("search", "x", "--top-k", "0"), 2),
        (("search", "x", "--mode", "psychic"), 2),
        (("search", "x", "--threshold", "nan"), 2),
        (("search", "x", "--pages", "9-3"), 2),
        (("eval", "x", "--weight", "nan"), 2),
        (("ingest", "README.md", "--collection", ""), 1),
        (("ask", "x", "--collection", "no-such"), 1),
        (("nonsense",), 2),
        (("search",), 2),
    ],
)
def test_wrong_use_is_one_sentence(filled: Run, arguments: tuple[str, ...], code: int) -> None:
    """No traceback reaches a terminal; expected failures exit with 1, wrong usage with 2."""
    done = filled(*arguments)
    assert code == done.returncode, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()
