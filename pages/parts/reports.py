"""What became of the files of one drop, a row each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages.parts.safe_text import Node, draw, el, visible
from pages.parts.shared import count, duration

if TYPE_CHECKING:
    from rag.types import FileReport, IngestReport

_LOOK = {"added": "good", "replaced": "good", "known": "", "empty": "warn", "failed": "bad"}


def show(report: IngestReport, *, key: str) -> None:
    """Draw the report: how many went in, then every file with why it did not."""
    went_in = sum(f.status in ("added", "replaced") for f in report.files)
    chunks = sum(f.chunks for f in report.files if f.status in ("added", "replaced"))
    known = sum(f.status == "known" for f in report.files)
    where = visible(report.collection, 40)
    head = f"{count(went_in, 'document')} with {count(chunks, 'chunk')} added to {where}"
    if known and known == len(report.files):
        head = f"Nothing new: {count(known, 'file')} {'is' if known == 1 else 'are'} in {where} already"
    stopped = el("span.chip.warn", "stopped: the other files were left out") if report.stopped else None
    names = ("File", "", "Pages", "Chunks", "Time", "")
    titles = el("tr", *(el("th.num" if name in ("Pages", "Chunks", "Time") else "th", name) for name in names))
    table = el("table", el("thead", titles), el("tbody", *(_row(f) for f in report.files))) if report.files else None
    draw(el("div.row", el("h3", head), stopped), *([table] if table else []), key=key)


def _row(f: FileReport) -> Node:
    notes = " ".join(part for part in (f.message, *f.warnings) if part)
    return el(
        "tr",
        el("td.strong", visible(f.name)),
        el("td", el(f"span.chip.{_LOOK[f.status]}" if _LOOK[f.status] else "span.chip", f.status)),
        el("td.num", f"{f.pages:,}" if f.pages else "–"),
        el("td.num", f"{f.chunks:,}" if f.chunks else "–"),
        el("td.num", duration(sum(f.timings.values())) if f.timings else "–"),
        el("td.muted", visible(notes, 400)),
    )
