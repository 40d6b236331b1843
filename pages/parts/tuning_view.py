"""A question set drawn: its figures with their change, a cell for each question, the curve of the threshold, and near misses.

Nothing is computed here but words and places; a button's value says what it asks for, and `tuning` does it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import rag
from pages.parts.safe_text import Node, el, visible
from pages.parts.shared import count, pages_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rag.evaluation import Evaluation, NearMiss, Recommendation
    from rag.types import Figure, LabelledQuestion, SearchOptions

HEADLINES = ("answered", "hit@1", "hit@5", "ndcg@10", "rejected")
_WORDS = {
    "answered": "answered",
    "missed": "missed",
    "wrongly_answered": "wrongly answered",
    "rejected": "rejected, as it should be",
    "unmeasured": "not measured",
}
_MANY = 120  # cells; beyond it they are drawn smaller
_MOST_NEAR = 8


def settings_words(o: SearchOptions) -> str:
    weight = f" {o.weight:.2f}" if o.mode == "hybrid" else ""
    return f"{o.mode}{weight} · top {o.top_k} · threshold {o.similarity_threshold or 0:.2f}"


# --- figures ---


def figures(now: Evaluation, before: Evaluation) -> Node:
    """Return the headline figures that the labels allow, each with its change since `before`."""
    made = [_figure(name, now.figures[name], before.figures[name]) for name in HEADLINES]
    return el("div.facts.tuned", *made)


def _figure(name: str, now: Figure, before: Figure) -> Node | None:
    if math.isnan(now.value):
        return None
    measure = rag.evaluation.MEASURES[name]
    value = f"{now.value:.3f}" if name == "ndcg@10" else _percent(now.value)
    extent = f"{now.low:.2f}–{now.high:.2f}" if name == "ndcg@10" else f"{100 * now.low:.0f}–{100 * now.high:.0f} %"
    right = f"{round(now.value * now.questions)} of {now.questions} · " if name in ("answered", "rejected") else ""
    return el(
        "div.fact", el("span.name", measure.title),
        el("span.value", value, _change(now.value - before.value, name)),
        el("span.range", f"{right}{extent}", title="95 % interval, by drawing the questions anew"),
        title=f"{measure.about} Mean of {count(now.questions, 'question')}.",
    )  # fmt: skip


def _change(by: float, name: str) -> Node:
    shown = f"{by:+.3f}" if name == "ndcg@10" else f"{100 * by:+.1f}"
    if not any(digit in shown for digit in "123456789"):
        return el("span.change", "±0", title="no change since then")
    return el("span.change.up" if by > 0 else "span.change.down", shown.replace("-", "−"), title="change since then")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share in (0, 1) else f"{100 * share:.1f} %"


def since(base: str, before: SearchOptions, now: SearchOptions) -> Node:
    """Return what the changes are measured from, and the way back."""
    words = el("span.muted", f"Change since {base}: {settings_words(before)}")
    keep = el("button.link", "Keep as a run", data_pick="keep:", title="To hold it beside other runs, in Experiments")
    if before == now:
        return el("div.labelling", words, keep)
    return el(
        "div.labelling", words, el("button.link", "Go back to it", data_pick="back:"),
        el("button.link", "Compare from here", data_pick="from:"), keep,
    )  # fmt: skip


# --- the strip ---


def strip(now: Evaluation, before: Evaluation, question: str) -> Node:
    """Return a cell for every question: what the documents answer, what they do not, and what could not be measured."""
    asked = now.pool.questions
    outcomes = [rag.evaluation.scoring.OUTCOMES[n] for n in now.outcomes.tolist()]
    changed = (now.outcomes != before.outcomes).tolist()
    best = now.best.tolist()
    cells: dict[bool, list[Node]] = {True: [], False: []}
    for q, outcome, other, score in zip(asked, outcomes, changed, best, strict=True):
        about = f"{_WORDS[outcome]} · best score {score:.2f}"
        cells[q.label == "evidence"].append(_cell(q, outcome, about, other, question))
    unmeasured = [_cell(q, "unmeasured", why, False, question) for q, why in now.pool.left_out]
    groups = (("In the documents", cells[True]), ("Not in the documents", cells[False]), ("Not measured", unmeasured))
    rows = [part for title, each in groups if each for part in _group(title, each)]
    return el("div.strip.many" if len(asked) > _MANY else "div.strip", *rows)


def unmeasured_strip(questions: Sequence[LabelledQuestion], question: str) -> Node:
    """Return the cells of a set of which nothing can be measured yet."""
    cells = [_cell(q, "unmeasured", q.note or q.label, False, question) for q in questions]
    return el("div.strip", *_group("Not measured", cells)) if cells else el("div.strip")


def _group(title: str, cells: list[Node]) -> tuple[Node, Node]:
    return el("span.group", f"{title} ({len(cells)})"), el("div.cells", *cells)


def _cell(q: LabelledQuestion, look: str, about: str, changed: bool, question: str) -> Node:
    is_open = q.text.casefold() == question.casefold()
    tag = f"button.cell.{look}{'.changed' if changed else ''}{'.current' if is_open else ''}"
    title = f"{visible(q.text, 140)}\n{visible(about, 200)}"
    return el(tag, title=title, aria_label=title, data_pick=f"ask:{q.id}")


def legend(now: Evaluation) -> Node:
    """Return what the colours mean, with how many questions have each."""
    counts: dict[str, int] = {**now.counts, "unmeasured": len(now.pool.left_out)}
    entries = [
        el("span", el(f"span.cell.{look}"), f"{_WORDS[look]} {number}") for look, number in counts.items() if number
    ]
    return el("div.legend", *entries, el("span", el("span.cell.changed"), "changed since then"))


# --- the threshold ---


def curve(found: Recommendation) -> Node:
    """Return answered and wrongly answered shares over the threshold, with where it is and where it should be."""
    width, height, left = 290.0, 104.0, 26.0

    def x(threshold: float) -> float:
        return round(left + (width - left) * threshold, 1)

    def y(share: float) -> float:
        return round(height * (1 - share), 1)

    def line(flags: NDArray[np.bool_], look: str) -> Node | None:
        grid = rag.evaluation.threshold.GRID.tolist()
        shares = flags.mean(axis=0).tolist() if len(flags) else []
        points = [f"{x(t)},{y(s)}" for t, s in zip(grid, shares, strict=False)]
        return el(f"polyline.curve.{look}", points=" ".join(points)) if points else None

    marks = [el("line.now", x1=x(found.current), x2=x(found.current), y1=-4, y2=height)]
    if found.threshold is not None:
        at = x(found.threshold)
        reached = found.shares(found.threshold)[0]
        marks = [
            el("rect.interval", x=x(found.low), width=max(1.0, round(x(found.high) - x(found.low), 1)), y=0, height=height),
            *marks, el("line.best", x1=at, x2=at, y1=-4, y2=height), el("circle.best", cx=at, cy=y(reached), r=3.2),
            el("text.best", f"{found.threshold:.2f}", x=at, y=-8, text_anchor="middle"),
        ]  # fmt: skip
    grid = [el("line.axis", x1=left, x2=width, y1=y(v), y2=y(v)) for v in (0, 0.5, 1)]
    names = [el("text", f"{v:.0%}", x=left - 4, y=y(v) + 3.5, text_anchor="end") for v in (0, 0.5, 1)]
    below = [el("text", f"{v:g}", x=x(v), y=height + 13, text_anchor="middle") for v in (0, 0.25, 0.5, 0.75, 1)]
    return el(
        "svg", *grid, *names, *below, *marks[:1], line(found.curve.answered, "answered"),
        line(found.curve.wrongly_answered, "wrong"), *marks[1:],
        viewBox=f"0 -18 {width + 6:.0f} {height + 36:.0f}", role="img", aria_label=found.sentence,
    )  # fmt: skip


def curve_legend() -> Node:
    entries = (("answered", "answered"), ("wrong", "wrongly answered"), ("now", "threshold now"))
    keys = [(_line_key(look), name) for look, name in entries]
    return el("div.legend", *(el("span", key, name) for key, name in keys))


def _line_key(look: str) -> Node:
    tag = "line.now" if look == "now" else f"polyline.curve.{look}"
    place = {"x1": 0, "x2": 16, "y1": 5, "y2": 5} if look == "now" else {"points": "0,5 16,5"}
    return el("svg", el(tag, **place), viewBox="0 0 16 10")


def changes_nothing(found: Recommendation) -> bool:
    """Tell whether every question comes out the same at the recommended threshold as at another one that is set now."""
    moved = found.gained or found.lost or found.newly_rejected or found.newly_wrong
    return found.threshold is not None and round(found.current, 2) != found.threshold and not moved


def shifts(found: Recommendation) -> Node:
    """Return the questions that the recommended threshold gains and loses, each of them one press away."""
    groups = (
        ("gained", found.gained), ("lost", found.lost),
        ("newly rejected", found.newly_rejected), ("newly answered wrongly", found.newly_wrong),
    )  # fmt: skip
    made = [_shift(name, questions) for name, questions in groups if questions]
    if not made and found.threshold is not None:
        return el("div.shifts.muted", "No question comes out another way at it.")
    return el("div.shifts", *made)


def _shift(name: str, questions: Sequence[LabelledQuestion]) -> Node:
    items = [el("li", el("button.link", visible(q.text, 110), data_pick=f"ask:{q.id}")) for q in questions[:30]]
    return el("details", el("summary", f"{count(len(questions), 'question')} {name}"), el("ul", *items))


# --- near misses ---


def near_table(near: Sequence[NearMiss], names: dict[str, str]) -> Node:
    """Return the missed questions that take least to be answered, with what would do it."""
    head = el(
        "tr",
        *(
            el("th", name)
            for name in ("Question", "Expected evidence", "Score", "Short by", "Rank", "What brings it in")
        ),
    )
    rows = [_near_row(each, names) for each in near[:_MOST_NEAR]]
    more = f"{len(near) - _MOST_NEAR} more are further away." if len(near) > _MOST_NEAR else ""
    return el("div", el("table", el("thead", head), el("tbody", *rows)), el("small.muted", more) if more else None)


def _near_row(near: NearMiss, names: dict[str, str]) -> Node:
    place = near.place
    where = near.question.evidence[0].document_name
    if place is not None:
        where = f"{names.get(place.document_id, where)} {pages_text(place.pages)}"
    figures_ = ("–", "–", "–") if place is None else (f"{near.score:.2f}", f"{near.short_by:.3f}", str(near.rank))
    return el(
        "tr",
        el("td", el("button.link", visible(near.question.text, 110), data_pick=f"ask:{near.question.id}")),
        el("td.where", visible(where, 70)),
        *(el("td.num", figure) for figure in figures_),
        el("td.remedy", *(_remedy(remedy) for remedy in near.remedies)),
    )


def _remedy(remedy: object) -> Node:
    knobs = {name: getattr(remedy, name) for name in ("threshold", "top_k", "weight")}
    wanted = ",".join(f"{name}={value}" for name, value in knobs.items() if value is not None)
    return el("div", el("button.link", str(remedy), data_pick=f"set:{wanted}") if wanted else str(remedy))
