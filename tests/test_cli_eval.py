"""`rag eval`: figures, outcomes and the recommended threshold of a question set, as another program sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import rag
from tests.conftest import ROOT, SAMPLES

Run = Callable[..., subprocess.CompletedProcess[str]]
QUESTIONS = SAMPLES / "questions.jsonl"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    """The `rag` command on a data folder with the samples and one stored set."""
    data = folder
    with rag.open_workbench(data) as bench:
        rag.ingest(bench, rag.load_samples().uploads)
        found = rag.evaluation.import_questions(bench, QUESTIONS.name, QUESTIONS.read_bytes())
        rag.evaluation.QuestionSets(bench.catalog.engine).create("board questions", found.questions)

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "rag.cli", "eval", *arguments],
            env={**os.environ, "RAG_DATA_DIR": str(data)},
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=120,
        )

    return call


def test_a_stored_set_is_measured(run: Run) -> None:
    """Figures with their intervals, every question's outcome, the recommendation, and what could not be measured."""
    done = run("board questions", "--json")
    assert 0 == done.returncode, done.stderr
    found = json.loads(done.stdout)
    assert 31 == found["figures"]["answered"]["questions"]
    assert (
        found["figures"]["answered"]["low"]
        <= found["figures"]["answered"]["value"]
        <= found["figures"]["answered"]["high"]
    )
    assert 41 == len(found["questions"]) == sum(found["counts"].values())
    assert found["recommendation"]["low"] <= found["recommendation"]["threshold"] <= found["recommendation"]["high"]
    assert {"adversarial"} == {left["label"] for left in found["not_measured"]}


def test_a_file_gives_the_figures_of_the_stored_set(run: Run) -> None:
    """What is measured does not depend on where the questions are kept."""
    stored, file = (json.loads(run(where, "--json").stdout) for where in ("board questions", str(QUESTIONS)))
    assert stored["figures"] == file["figures"]


def test_a_folder_of_queries_and_qrels_is_measured(run: Run, tmp_path: Path) -> None:
    """Benchmarks come as two files; the places of the second are the evidence of the first."""
    document = "brackwater-annual-report-2025.pdf"
    queries = [
        {"qid": "1", "text": "What broke in the gearbox of turbine 3?"},
        {"qid": "2", "text": "Who painted it?", "answerable": False},
    ]
    (tmp_path / "queries.jsonl").write_text("\n".join(json.dumps(q) for q in queries))
    (tmp_path / "qrels.jsonl").write_text(json.dumps({"qid": "1", "doc_id": document, "page": 3}))
    found = json.loads(run(str(tmp_path), "--json").stdout)
    assert ["evidence", "absent"] == [q["label"] for q in found["questions"]]
    assert found["recommendation"]["threshold"] is None
    assert "Too few labels" in found["recommendation"]["sentence"]


def test_figures_that_do_not_apply_are_null(run: Run, tmp_path: Path) -> None:
    """A set with only absent questions has a rejection rate and nothing else; the output is strict JSON."""
    (tmp_path / "absent.csv").write_text("question,answerable\nWho painted The Night Watch?,false\n")
    found = json.loads(run(str(tmp_path / "absent.csv"), "--json").stdout, parse_constant=pytest.fail)
    assert found["figures"]["answered"]["value"] is None
    assert 1.0 == found["figures"]["rejected"]["value"]


def test_it_reads_well_on_a_terminal(run: Run) -> None:
    """Without --json: a line a figure, the outcomes, and the sentence of the recommendation."""
    done = run("board questions", "--top-k", "6", "--threshold", "0.42")
    assert 0 == done.returncode, done.stderr
    assert "Hit@1" in done.stdout and "rejected" in done.stdout and "threshold 0.42" in done.stdout


@pytest.mark.parametrize("wanted", ["no such set", "empty.csv", "folder"])
def test_what_cannot_be_measured_is_one_sentence(run: Run, tmp_path: Path, wanted: str) -> None:
    """An unknown set, a file without questions and a folder without the two files fail with a sentence each."""
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "folder").mkdir()
    done = run(wanted if wanted == "no such set" else str(tmp_path / wanted))
    assert 1 == done.returncode
    assert 1 == len(done.stderr.strip().splitlines()) and done.stderr.startswith("rag: ")


def test_a_run_of_a_stored_set_is_kept(run: Run, folder: Path) -> None:
    """The Experiments page lists it with what was measured; a file's questions and `--forget` leave nothing."""
    out = json.loads(run("board questions", "--top-k", "4", "--json").stdout)
    for arguments in (("board questions", "--top-k", "4", "--forget"), (str(QUESTIONS), "--top-k", "4")):
        assert 0 == run(*arguments).returncode
    with rag.open_workbench(folder, read_only=True) as bench:
        infos = [i for i in rag.evaluation.Runs(bench.catalog.engine).list() if i.options.top_k == 4]
    assert [out["figures"]["mrr"]["value"]] == [i.figures["mrr"].value for i in infos]
