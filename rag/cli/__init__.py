"""The command line: `rag ingest | search | ask | eval | usage | doctor | provider`.

Exit codes: 0 done, 1 an expected failure (one sentence on stderr), 2 wrong usage, 3 some files failed (each listed). With `--json`
only JSON goes to stdout; progress and messages go to stderr.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

import rag
from rag import RagError
from rag.cli.evaluation import evaluate
from rag.cli.providers import provider
from rag.cli.searching import Flags, search, search_options
from rag.cli.show import (
    answer_json,
    budget_json,
    print_citations,
    print_diagnosis,
    print_json,
    print_report,
    print_usage,
    record_json,
)
from rag.types import Answer, Fingerprint, RestartEvent, SearchResult, StepEvent, TextEvent

if TYPE_CHECKING:
    from rag.jobs import Job
    from rag.types import Collection

F = TypeVar("F", bound=Callable[..., Any])


def main() -> None:
    """Run the command line; expected failures end as one sentence on stderr, never as a traceback."""
    logging.basicConfig(level=logging.WARNING if os.environ.get("RAG_DEBUG") else logging.CRITICAL, stream=sys.stderr)
    try:
        cli(standalone_mode=False)
    except click.exceptions.Abort:
        _fail("Stopped.", 1)
    except click.UsageError as error:
        error.show(sys.stderr)
        sys.exit(2)
    except click.ClickException as error:
        _fail(error.format_message(), 1)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except RagError as error:
        _fail(str(error), 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader went away; nothing is wrong
        sys.exit(1)
    except Exception as error:
        if os.environ.get("RAG_DEBUG"):
            raise
        _fail(f"Unexpected failure ({type(error).__name__}); set RAG_DEBUG=1 to see where, and report it.", 1)


def _fail(sentence: str, code: int) -> None:
    click.echo(f"rag: {sentence}", err=True)
    sys.exit(code)


def _data_option(command: F) -> F:
    return click.option(
        "--data", type=click.Path(path_type=Path), help="Data folder; else RAG_DATA_DIR, else data/workbench."
    )(command)


def _json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else on stdout.")(command)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="rag-workbench", prog_name="rag")
def cli() -> None:
    """Ask questions of a pile of documents and trust the answers."""


# --- ingest ---------------------------------------------------------------------------------------------------------


@cli.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--collection", metavar="NAME", help="Collection to add to, made when missing.")
@_data_option
@_json_option
def ingest(paths: tuple[Path, ...], collection: str | None, data: Path | None, as_json: bool) -> None:
    """Add files, or every supported file below folders, to a collection."""
    with rag.open_workbench(data) as bench:
        target = bench.collection(_collection_made(bench, collection))
        _say_price(bench, paths, target)
        job = rag.start_ingest(bench, list(paths), collection=target)
        _follow(job)
        if job.result is None:
            raise RagError(job.error or "Stopped.")
        report = job.result
    print_report(report, as_json)
    if job.error:
        raise RagError(job.error)
    if any(f.status in ("failed", "empty") for f in report.files):
        sys.exit(3)
    if report.stopped:
        raise RagError("Stopped; what is listed is in, the other files are not. Run it again to go on.")


def _collection_made(bench: rag.Workbench, name: str | None) -> str | None:
    if name is not None and name not in {c.name for c in bench.catalog.collections()}:
        bench.create_collection(name)
    return name


def _say_price(bench: rag.Workbench, paths: tuple[Path, ...], target: Collection) -> None:
    """Say about what goes to the provider of the collection's embedding model, before anything does."""
    model = target.embedding_model
    if not model or model.startswith("local/"):
        return
    job = bench.jobs.start("estimate", "Reading", lambda job: rag.ingestion.estimate_ingest(bench, paths, target, job))
    _follow(job)
    if job.result is None or job.stopping():
        raise RagError(job.error or "Stopped; nothing was sent or stored.")
    found = job.result
    if not found.tokens:
        click.echo(f"Nothing of this has to go to {model}.", err=True)
        return
    said = rag.reporting.foreseen(found.tokens, found.usd)
    texts = found.measuring_texts
    measuring = f", with about {texts} short texts that measure the threshold" if texts else ""
    click.echo(f"The text goes to {model}{measuring}: {said}. What it embedded before is not sent again.", err=True)


def _follow(job: Job[Any]) -> None:
    """Show the job's progress on a terminal until it ends; Ctrl-C stops it and keeps what is finished."""
    shown = sys.stderr.isatty()
    try:
        while not job.wait(0.2 if shown else 0.05):
            if shown:
                p = job.progress
                left = f", {p.remaining_s:.0f} s left" if p.remaining_s is not None else ""
                text = f"{p.message}  {p.done}/{p.total} {p.unit} ({p.rate_per_s:.0f}/s{left})"
                click.echo(f"\r\x1b[K{text[:100]}", nl=False, err=True)
    except KeyboardInterrupt:
        job.stop()
        click.echo("\nStopping; what is finished is kept …", err=True)
        job.wait()
    if shown:
        click.echo("\r\x1b[K", nl=False, err=True)


# --- ask ------------------------------------------------------------------------------------------------------------


@cli.command()
@click.argument("question")
@click.option("--model", metavar="PROVIDER/MODEL", help="local/extractive when not given.")
@click.option(
    "--fallback",
    "fallbacks",
    multiple=True,
    metavar="PROVIDER/MODEL",
    help="Stands in when the model fails; repeatable.",
)
@click.option("--research", is_flag=True, help="Let the model search several times before it answers, within limits.")
@click.option(
    "--report",
    "report_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the answer as one HTML file with quotes, page pictures and checks.",
)
@search_options
@_data_option
@_json_option
def ask(
    question: str,
    model: str | None,
    fallbacks: tuple[str, ...],
    research: bool,
    report_file: Path | None,
    flags: Flags,
    data: Path | None,
    as_json: bool,
) -> None:
    """Answer QUESTION from the documents, with citations."""
    if report_file is not None:
        _try_to_write(report_file)
    with rag.open_workbench(data, read_only=True) as bench:
        result = rag.search(bench, question, collection=flags.collection, options=flags.options(bench))
        searched = bench.fingerprints.of(result.collection)
        options = flags.generate_options(bench)
        options = replace(
            options,
            model=model or options.model,
            fallbacks=fallbacks or options.fallbacks,
            research=research or options.research,
        )
        stream = rag.generate(bench, result, options=options)
        if not as_json:
            for event in stream:
                if isinstance(event, TextEvent):
                    click.echo(event.text, nl=False)
                elif isinstance(event, StepEvent):
                    click.echo(f"{event.step.tool}: {event.step.asked} → {event.step.found}", err=True)
                elif isinstance(event, RestartEvent):
                    click.echo("\n(what stands above is void: the model begins again)\n")
        answer = stream.wait()
        answer = answer.with_paid(result.paid + answer.paid)
        if answer.finish == "failed":
            raise RagError(answer.error or answer.note)
        print_json(answer_json(question, answer)) if as_json else print_citations(answer)
        if report_file is not None:  # after the answer: it may have cost money, and the report may fail
            _write_report(bench, result, answer, searched, report_file)


def _try_to_write(path: Path) -> None:
    """Raise RagError for a file that cannot be written, before an answer is paid for; nothing of the file changes."""
    try:
        is_new = not path.exists()
        path.open("ab").close()
        if is_new:
            path.unlink()
    except OSError as error:
        raise _not_written(path, error) from error


def _write_report(
    bench: rag.Workbench, result: SearchResult, answer: Answer, searched: Fingerprint, path: Path
) -> None:
    data = rag.reporting.report(bench, rag.reporting.one_answer(result, answer, searched))
    try:
        path.write_bytes(data)
    except OSError as error:
        raise _not_written(path, error) from error


def _not_written(path: Path, error: OSError) -> RagError:
    return RagError(f"The report could not be written to {path} ({error.strerror}); name another place.")


# --- usage and doctor -----------------------------------------------------------------------------------------------


@cli.command()
@_data_option
@_json_option
def usage(data: Path | None, as_json: bool) -> None:
    """Show every model call so far and what it cost."""
    with rag.open_workbench(data, read_only=True) as bench:
        totals = bench.ledger.totals("model")
        if as_json:
            rows = [record_json(r) for r in bench.ledger.records()]
            print_json({"rows": rows, "totals": totals, "budgets": [budget_json(b) for b in bench.budgets.states()]})
            return
        warnings = bench.budgets.warnings()
    print_usage(totals)
    for warning in warnings:
        click.echo(warning, err=True)
    if not totals:
        click.echo("No model was called yet.")


@cli.command()
@click.option("--repair", is_flag=True, help="Rebuild the index from the catalog where they disagree.")
@_data_option
@_json_option
def doctor(repair: bool, data: Path | None, as_json: bool) -> None:
    """Check catalog, index and models."""
    with _opened(data, repair) as bench:
        found, is_owner = rag.doctor(bench, repair=repair), not bench.read_only
    if as_json:
        collections = [{**{k: getattr(c, k) for k in c.__slots__}, "ok": c.ok} for c in found.collections]
        if not is_owner:  # nobody but the owner looks into the index
            collections = [{**c, "indexed": None} for c in collections]
        print_json(
            {
                "data_dir": found.data_dir,
                "ok": found.ok,
                "catalog": found.catalog,
                "collections": collections,
                "models": found.models,
                "repaired": found.repaired,
            }
        )
    else:
        print_diagnosis(found, looked_at_index=is_owner)
    if not found.ok:
        raise RagError("Problems were found; run `rag doctor --repair`, or see each line for what to do.")


def _opened(data: Path | None, repair: bool) -> rag.Workbench:
    """Own the folder when it is free; look at it read-only beside the process that owns it."""
    from rag.errors import StoreInUseError

    rag.open_workbench(data, read_only=True).close()  # raises where nothing is: a look makes no folder
    try:
        return rag.open_workbench(data)
    except StoreInUseError:
        if repair:
            raise
        return rag.open_workbench(data, read_only=True)


cli.add_command(search)
cli.add_command(provider)
cli.add_command(evaluate)
