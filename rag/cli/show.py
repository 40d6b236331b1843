"""How the command line shows what the verbs return: as JSON for other programs, as lines for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

import rag
from rag.types import Answer, FileReport, Hit, IngestReport, SearchResult

if TYPE_CHECKING:
    from rag.usage.budgets import BudgetState


def print_report(report: IngestReport, as_json: bool) -> None:
    for f in report.files:
        if f.status in ("failed", "empty"):
            where = "" if f.path and f.message.startswith(f.path) else f"{f.path or f.name}: "
            click.echo(f"rag: {where}{f.message}", err=True)
    if as_json:
        print_json(
            {
                "files": [file_json(f) for f in report.files],
                "collection": report.collection,
                "usage": {"input_tokens": report.usage.input_tokens, "estimated": report.usage.estimated},
                "stopped": report.stopped,
            }
        )
        return
    for f in report.files:
        counted = ((f.chunks, "chunk"), (f.pages, "page"))
        detail = ", ".join(f"{n:,} {noun}{'' if n == 1 else 's'}" for n, noun in counted if n)
        click.echo(f"{f.status:9}{f.name}  {detail}".rstrip())  # why a file failed stands on stderr
        for warning in f.warnings:
            click.echo(f"         {warning}")


def file_json(f: FileReport) -> dict[str, Any]:
    keys = ("path", "name", "status", "document_id", "chunks", "pages", "message", "warnings", "timings")
    return {key: getattr(f, key) for key in keys}


def search_json(result: SearchResult) -> dict[str, Any]:
    o = result.options
    return {
        "question": result.question,
        "hits": [hit_json(h) for h in result.hits],
        "near_misses": [hit_json(h) for h in result.near_misses],
        "options": {
            "collection": result.collection.name,
            "mode": o.mode,
            "top_k": o.top_k,
            "threshold": result.threshold,
            "weight": o.weight,
            "pool": o.pool,
            "document_ids": list(o.document_ids),
            "searched": result.used_index,
        },
        "timings": result.timings,
    }


def hit_json(h: Hit) -> dict[str, Any]:
    return {
        "rank": h.rank,
        "document": h.document_name,
        "document_id": h.chunk.document_id,
        "chunk_id": h.chunk.id,
        "start": h.chunk.start,
        "end": h.chunk.end,
        "pages": h.chunk.pages,
        "heading": h.chunk.heading,
        "text": h.chunk.text,
        "score": h.score,
        "cosine": h.parts.cosine,
        "keyword": h.parts.keyword,
        "coverage": h.parts.coverage,
        "short_by": h.short_by,
    }


def print_hits(result: SearchResult) -> None:
    if not result.hits:
        click.echo("Not found in these documents.")
    for h in result.hits:
        click.echo(f"{h.rank:2}. {h.score:.2f}  {place(h.document_name, h.chunk.pages)}")
        click.echo(f"    {' '.join(h.chunk.text.split())[:300]}")
    for h in result.near_misses[:3]:
        click.echo(f"    near miss, {h.short_by:.2f} short: {place(h.document_name, h.chunk.pages)}")


def place(name: str, pages: tuple[int, ...]) -> str:
    return f"{name}, p. {'–'.join(str(p) for p in sorted({pages[0], pages[-1]}))}" if pages else name


def answer_json(question: str, answer: Answer) -> dict[str, Any]:
    return {
        "question": question,
        "text": answer.text,
        "found": answer.found,
        "citations": [
            {
                "marker": c.marker,
                "document": c.hit.document_name,
                "document_id": c.hit.chunk.document_id,
                "pages": c.pages,
                "start": c.start,
                "end": c.end,
                "quote": c.quote,
            }
            for c in answer.citations
        ],
        "checks": [asdict(check) for check in answer.checks],
        "usage": {
            "input_tokens": answer.usage.input_tokens,
            "output_tokens": answer.usage.output_tokens,
            "cost_usd": answer.cost_usd,
            "estimated_cost_usd": answer.estimated_usd,
            "estimated": answer.usage.estimated,
            "calls": answer.calls,
        },
        "model": answer.model,
        "finish": answer.finish,
        "cached": answer.cached,
        "note": answer.note,
        "steps": [asdict(step) for step in answer.steps],
    }


def print_citations(answer: Answer) -> None:
    click.echo("\n")
    if answer.asked_nobody:
        click.echo("(no model was asked)")
    elif not answer.model.startswith("local/"):
        used = rag.reporting.tokens(answer.usage) or "0 in, 0 out"
        click.echo(f"({answer.model}: tokens {used}; cost {rag.reporting.price(answer.paid)})")
    for remark in (answer.label, answer.note, "the answer is from the cache" if answer.cached else ""):
        if remark:
            click.echo(f"({remark})")
    for c in answer.citations:
        click.echo(f"[{c.marker}] {place(c.hit.document_name, c.pages)}")


def print_usage(totals: Sequence[dict[str, Any]]) -> None:
    """Print a line for each model and, of several, their sum."""
    added = ("calls", "input_tokens", "output_tokens", "estimated")
    rows = [(t["model"], t, [t]) for t in totals]
    if len(totals) > 1:
        rows.append(("All", {name: sum(t[name] for t in totals) for name in added}, list(totals)))
    for name, t, parts in rows:
        calls = f"{t['calls']:,} call{'' if t['calls'] == 1 else 's'}"
        read = f"{'about ' if t['estimated'] else ''}{t['input_tokens']:,} in"
        click.echo(f"{name:40} {calls:>14}  {read:>20}, {t['output_tokens']:>8,} out  {rag.reporting.spent(parts)}")


def budget_json(state: BudgetState) -> dict[str, Any]:
    """Return how a budget stands; `uncounted` calls have no price and are not in `spent_usd`."""
    return {
        "provider": state.provider or None,
        "period": state.period,
        "limit_usd": state.limit_usd,
        "spent_usd": state.spent.usd,
        "estimated_usd": state.spent.estimated_usd,
        "left_usd": state.left_usd,
        "uncounted": state.spent.uncounted,
    }


def record_json(r: Any) -> dict[str, Any]:
    row = {key: getattr(r, key) for key in r.__slots__ if key not in ("usage", "at")}
    return {**row, "at": r.at.isoformat(), **{key: getattr(r.usage, key) for key in r.usage.__slots__}}


def print_diagnosis(found: Any, *, looked_at_index: bool) -> None:
    click.echo(f"Data folder {found.data_dir}")
    for line in (*found.catalog, *found.models, *found.repaired):
        click.echo(f"  {line}")
    for c in found.collections:
        state = "ok" if c.ok else "; ".join(c.problems)
        indexed = f", {c.indexed} indexed" if looked_at_index else ""
        click.echo(f"  {c.collection}: {c.chunks} chunks, {c.vectors} vectors{indexed}: {state}")
    if not looked_at_index:
        click.echo("The index was not looked at: another process has the folder.")
    elif found.ok:
        click.echo("Everything agrees.")


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, allow_nan=False))
