"""`rag eval`: measure search on labelled questions, stored or in a file, without a page."""

from __future__ import annotations

import math
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import rag
from rag import RagError
from rag.cli.searching import Share
from rag.cli.show import print_json
from rag.types import QuestionSet, SearchOptions

if TYPE_CHECKING:
    from rag.evaluation import Evaluation, Imported, Recommendation
    from rag.types import Collection, Figure, QuestionScore

_QUERIES, _QRELS = "queries.jsonl", "qrels.jsonl"


@click.command("eval")
@click.argument("question_set")
@click.option("--collection", metavar="NAME", help="Collection to search; the default one when not given.")
@click.option("--mode", type=click.Choice(["hybrid", "semantic", "keyword"]), default="hybrid", show_default=True)
@click.option("--threshold", type=Share(), help="Keep hits with at least this match score.")
@click.option("--top-k", type=click.IntRange(1, 200), default=10, show_default=True, help="At most N hits.")
@click.option("--weight", type=Share(), default=0.5, show_default=True, help="Share of the semantic side.")
@click.option("--data", type=click.Path(path_type=Path), help="Data folder; else RAG_DATA_DIR, else data/workbench.")
@click.option("--forget", is_flag=True, help="Do not keep the run; those of stored sets are kept for Experiments.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else on stdout.")
def evaluate(
    question_set: str,
    collection: str | None,
    mode: Any,
    threshold: float | None,
    top_k: int,
    weight: float,
    data: Path | None,
    forget: bool,
    as_json: bool,
) -> None:
    """Measure search on the labelled questions of QUESTION_SET.

    It is the name of a stored set, a CSV or JSONL file of questions, or a folder with queries.jsonl and qrels.jsonl.
    Questions of a file are measured and not kept. A run of a stored set is kept: the Experiments page shows it.
    """
    with rag.open_workbench(data, read_only=True) as bench:
        target = bench.collection(collection)
        asked, problems = _question_set(bench, question_set, target)
        options = SearchOptions(mode, top_k, threshold, weight)
        pool = rag.evaluation.gather(bench, asked, collection=target, options=options, on_progress=_progress())
        found = rag.evaluation.rescore(pool, options)
        advice = rag.evaluation.recommend(pool, found.options)
        if asked.id and not forget:
            rag.evaluation.keep_run(bench, found, asked, title=f"rag eval: {asked.name} on {target.name}")
    for problem in problems:
        click.echo(f"rag: {problem.replace('; it is kept as a draft', '; it is not measured')}", err=True)
    if as_json:
        print_json(_evaluation_json(asked, found, advice, problems))
    else:
        _print_evaluation(asked, found, advice)


def _question_set(bench: rag.Workbench, wanted: str, target: Collection) -> tuple[QuestionSet, tuple[str, ...]]:
    """Return the set of that name, or what the file or folder of that path holds, with a sentence for each misfit."""
    path = Path(wanted)
    if not path.exists():
        return rag.evaluation.QuestionSets(bench.catalog.engine).get(wanted), ()
    found = _imported(bench, path, target)
    now = datetime.now(UTC)
    return QuestionSet("", path.stem or path.resolve().name, found.questions, now, now), found.problems


def _imported(bench: rag.Workbench, path: Path, target: Collection) -> Imported:
    try:
        if not path.is_dir():
            return rag.evaluation.import_questions(bench, path.name, path.read_bytes(), collection=target)
        queries, qrels = ((path / name).read_bytes() for name in (_QUERIES, _QRELS))
        return rag.evaluation.import_qrels(bench, queries, qrels, collection=target)
    except OSError as error:
        hint = f"; a folder must hold {_QUERIES} and {_QRELS}" if path.is_dir() else ""
        raise RagError(f"{error.filename or path} cannot be read ({error.strerror}){hint}.") from error


def _progress() -> Any:
    """Return a line that counts on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        return None

    def shown(done: int, total: int) -> None:
        click.echo(f"\r\x1b[K{done}/{total} questions" if done < total else "\r\x1b[K", nl=False, err=True)

    return shown


def _evaluation_json(
    asked: QuestionSet, found: Evaluation, advice: Recommendation, problems: tuple[str, ...]
) -> dict[str, Any]:
    o = found.options
    return {
        "question_set": asked.name,
        "collection": found.pool.collection.name,
        "options": {"mode": o.mode, "top_k": o.top_k, "threshold": found.threshold, "weight": o.weight, "pool": o.pool},
        "figures": {name: _figure_json(figure) for name, figure in found.figures.items()},
        "counts": found.counts,
        "recommendation": {
            "threshold": advice.threshold,
            "low": _number(advice.low),
            "high": _number(advice.high),
            "sentence": advice.sentence,
            "gained": [q.text for q in advice.gained],
            "lost": [q.text for q in advice.lost],
        },
        "questions": [_question_json(score) for score in found.questions],
        "not_measured": [{"question": q.text, "label": q.label, "why": why} for q, why in found.pool.left_out],
        "problems": list(problems),
    }


def _figure_json(figure: Figure) -> dict[str, Any]:
    """Return a figure; its numbers are null where no question of the set can be measured by it."""
    return {
        "value": _number(figure.value),
        "low": _number(figure.low),
        "high": _number(figure.high),
        "questions": figure.questions,
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _question_json(score: QuestionScore) -> dict[str, Any]:
    hits = [
        {"rank": h.rank, "chunk_id": h.chunk_id, "document_id": h.document_id, "start": h.start, "end": h.end,
         "pages": h.pages, "score": h.score, "right": h.is_right}
        for h in score.hits
    ]  # fmt: skip
    return {
        "question": score.question.text,
        "label": score.question.label,
        "outcome": score.outcome,
        "best_score": score.best_score,
        "right_rank": score.right_rank,
        "values": score.values,
        "hits": hits,
    }


def _print_evaluation(asked: QuestionSet, found: Evaluation, advice: Recommendation) -> None:
    o = found.options
    weight = f" {o.weight:g}" if o.mode == "hybrid" else ""
    click.echo(
        f"{asked.name} on {found.pool.collection.name}: {len(found.pool.questions)} questions, {o.mode}{weight}, "
        f"top {o.top_k}, threshold {found.threshold:.2f}"
    )
    for name, figure in found.figures.items():
        if figure.questions:
            title = rag.evaluation.MEASURES[name].title
            click.echo(
                f"  {title:18} {figure.value:6.3f}   {figure.low:.3f} to {figure.high:.3f}   {figure.questions:5} questions"
            )
    click.echo(", ".join(f"{number} {outcome.replace('_', ' ')}" for outcome, number in found.counts.items()))
    if found.pool.left_out:
        click.echo(f"{len(found.pool.left_out)} not measured, such as: {found.pool.left_out[0][1]}")
    click.echo(advice.sentence)
