"""A sweep drawn: what it takes, what it found, a chart of quality over cost, and a row a setting.

Nothing is decided here but words and places: which settings are tied and which of them is cheapest comes from `rag.evaluation`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import rag
from pages.parts import answer_view
from pages.parts.safe_text import Node, el, visible
from pages.parts.shared import cost, count, duration

if TYPE_CHECKING:
    import pandas as pd

    from rag.evaluation import SweepPlan

MEASURES = ("ndcg@10", "answered", "hit@1", "hit@5", "recall@10", "mrr", "evidence@4k", "token_iou", "rejected")
COSTS = {
    "context_characters": "characters that a model reads for a question",
    "latency_ms": "time of a search",
    "chunks": "chunks in the index",
    "cost_usd": "price of embedding the collection",
}
_MOST_ROWS = 60
_MOST_WHISKERS = 40


def plan(found: SweepPlan) -> Node:
    """Return what a sweep takes, in three lines."""
    embedding = "every vector it needs is kept already"
    if found.texts_to_embed:
        embedding = f"{count(found.texts_to_embed, 'text')} to embed, {found.tokens_to_embed:,} tokens"
    price = answer_view.price_words(found.cost_usd)
    time = (
        "time not known yet: this embedding model was not used here"
        if found.seconds is None
        else f"about {_rough(found.seconds)}"
    )
    return el(
        "div.plan", el("span.strong", f"{count(len(found.settings), 'setting')} · {price} · {time}"),
        el("span.muted", f"{count(found.chunks, 'chunk')} over all sizes; {embedding}."),
    )  # fmt: skip


def _rough(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"


def named(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with settings named by what differs between them: one embedding model for all need not be said."""
    models = set(table["embedding_model"]) - {""}
    if len(models) != 1:
        return table
    ending = f" · {models.pop().rpartition('/')[2]}"
    return table.assign(setting=table["setting"].str.removesuffix(ending))


def finding(table: pd.DataFrame, measure: str) -> Node:
    """Return in words which setting is best, how many cannot be told from it, and which of those is the cheapest."""
    best, cheapest = table.iloc[0], table[table["is_cheapest"]].iloc[0]
    tied, title = int(table["is_tied"].sum()), rag.evaluation.MEASURES[measure].title
    if math.isnan(best[measure]):
        return el("p.finding", f"No question of the set can be measured by {title}; choose another quality.")
    first = f"{visible(best['setting'], 90)} has the best {title}: {_number(best[measure], measure)}."
    if tied == 1:
        return el("p.finding", el("span.strong", first), " No other setting is within noise of it.")
    second = f" {tied - 1} of the other {len(table) - 1} cannot be told from it by these questions. "
    if cheapest.name == best.name:
        return el("p.finding", el("span.strong", first), second, "None of them is cheaper.")
    third = f"The cheapest of them: {visible(cheapest['setting'], 90)}"
    return el("p.finding", first, second, el("span.strong", f"{third}, {_less(best, cheapest)}."))


def unrecommended(table: pd.DataFrame) -> list[Node]:
    """Return for how many settings the labels recommend no threshold, and what that means; nothing where they do for all."""
    without = int((table["threshold_note"] != "").sum())
    if not without:
        return []
    which = "any setting" if without == len(table) else f"{without} of {count(len(table), 'setting')}"
    said = el("span.strong", f"The labels recommend no threshold for {which}. ")
    return [
        el("p.finding", said, "What each was measured at instead is marked “not recommended”; choose one to read why.")
    ]


def chosen(row: Any) -> Node:
    """Return which setting is chosen, and why no threshold is recommended for it where that is so."""
    name = el("div.chosen", el("span.muted", "Chosen"), el("span.strong", visible(str(row["setting"]))))
    return el("div", name, el("p.finding", visible(row["threshold_note"], 500)) if row["threshold_note"] else None)


def _less(best: Any, cheapest: Any) -> str:
    """Return what the cheapest setting saves against the best."""
    read, before = cheapest["context_characters"], best["context_characters"]
    saved = f"{read:,.0f} characters to read a question instead of {before:,.0f}"
    usd, usd_before = cheapest["cost_usd"], best["cost_usd"]
    if usd < usd_before:
        return f"{cost(usd)} to embed instead of {cost(usd_before)}, and {saved}"
    return saved


# --- chart ---


def chart(table: pd.DataFrame, measure: str, against: str, chosen: str) -> Node:
    """Return a point a setting: quality upwards, cost to the right; those within noise of the best are filled."""
    known = table[table[measure].notna() & table[against].notna()]
    if known.empty:
        return el("p.muted", f"No setting has a figure for {COSTS[against]}.")
    width, height, left = 720.0, 230.0, 40.0
    low_y, high_y = _extent([*known["low"].dropna(), *known["high"].dropna(), *known[measure]])
    low_x, high_x = _extent(list(known[against]), from_zero=True)

    def x(value: float) -> float:
        return round(left + (width - left) * (value - low_x) / (high_x - low_x), 1)

    def y(value: float) -> float:
        return round(height * (1 - (value - low_y) / (high_y - low_y)), 1)

    levels, steps = _ticks(low_y, high_y), _ticks(low_x, high_x)
    axes = [el("line.axis", x1=left, x2=width, y1=y(v), y2=y(v)) for v in levels]
    axes += [el("text", f"{v:g}", x=left - 6, y=y(v) + 3.5, text_anchor="end") for v in levels]
    axes += [el("text", _cost(v, against), x=x(v), y=height + 16, text_anchor="middle") for v in steps]
    axes.append(el("text", COSTS[against], x=width, y=height + 31, text_anchor="end"))
    marks: list[Node] = []
    for run_id, row in known.iloc[::-1].iterrows():
        px, py, look = x(row[against]), y(row[measure]), _look(row, str(run_id), known, chosen)
        if len(known) <= _MOST_WHISKERS or ".cheapest" in look or ".picked" in look:
            marks.append(el(f"line.whisker{look}", x1=px, x2=px, y1=y(row["low"]), y2=y(row["high"])))
        about = f"{visible(str(row['setting']), 90)}\n{_number(row[measure], measure)}, {_cost(row[against], against)}"
        about += f"\nthreshold {_threshold(row)}"
        marks.append(
            el(
                f"circle.setting{look}",
                el("title", about),
                cx=px,
                cy=py,
                r=6 if "best" in look or "cheapest" in look else 4.5,
                data_pick=str(run_id),
            )
        )
    return el(
        "svg.scatter", *axes, *marks, viewBox=f"0 -8 {width + 12:.0f} {height + 46:.0f}", role="img",
        aria_label=f"{rag.evaluation.MEASURES[measure].title} of each setting against {COSTS[against]}",
    )  # fmt: skip


def _look(row: Any, run_id: str, table: pd.DataFrame, chosen: str) -> str:
    parts = ("tied" if row["is_tied"] else "behind", "best" if run_id == table.index[0] else "", "cheapest" if row["is_cheapest"] else "", "picked" if run_id == chosen else "")  # fmt: skip
    return "".join(f".{part}" for part in parts if part)


def _extent(values: list[float], *, from_zero: bool = False) -> tuple[float, float]:
    low, high = (0.0 if from_zero else min(values)), max(values)
    room = (high - low) * 0.06 or max(abs(high) * 0.1, 0.05)
    return (0.0 if from_zero else max(0.0, low - room)), high + room


def _ticks(low: float, high: float) -> list[float]:
    """Return three to six round numbers between two."""
    step = 10.0 ** math.floor(math.log10((high - low) / 2))
    step = next(s for s in (step, 2 * step, 5 * step, 10 * step) if (high - low) / s <= 6)
    first = math.ceil(low / step)
    return [round(n * step, 10) for n in range(first, math.floor(high / step) + 1)]


def chart_legend() -> Node:
    entries = (
        ("circle.setting.tied.best", "best"), ("circle.setting.tied.cheapest", "cheapest of those tied"),
        ("circle.setting.tied", "tied: within noise"), ("circle.setting.behind", "behind"),
    )  # fmt: skip
    keys = [el("span", el("svg", el(tag, cx=6, cy=5, r=4), viewBox="0 0 12 10"), name) for tag, name in entries]
    return el("div.legend", *keys, el("span", "lines are 95 % intervals; press a point to choose it"))


# --- rows ---


def rows(table: pd.DataFrame, measure: str, chosen: str) -> Node:
    """Return a row a setting, the best first."""
    title = rag.evaluation.MEASURES[measure].title
    names = ("Setting", "", title, "95 %", "Behind", "Threshold", "Reads", "Search", "Chunks", "Embedding")
    head = el("tr", *(el("th.num" if at > 1 else "th", name) for at, name in enumerate(names)))
    made = [
        _row(str(run_id), row, measure, chosen, str(table.index[0]))
        for run_id, row in table.head(_MOST_ROWS).iterrows()
    ]
    left = len(table) - _MOST_ROWS
    more = el("small.muted", f"{left} more are in the CSV file.") if left > 0 else None
    return el("div.sweep", el("table", el("thead", head), el("tbody", *made)), more)


def _row(run_id: str, row: Any, measure: str, chosen: str, best: str) -> Node:
    chip = None
    if run_id == best:
        chip = el("span.chip.good", "best, cheapest" if row["is_cheapest"] else "best")
    elif row["is_cheapest"]:
        chip = el("span.chip.good", "cheapest", title="of those within noise of the best")
    elif row["is_tied"]:
        chip = el("span.chip", "tied", title="within noise of the best: the questions cannot tell the two apart")
    usd = None if math.isnan(row["cost_usd"]) else float(row["cost_usd"])
    return el(
        "tr.now" if run_id == chosen else "tr",
        el("td", el("button.link", visible(str(row["setting"]), 90), data_pick=run_id)), el("td", chip),
        el("td.num.strong", _number(row[measure], measure)), el("td.num.muted", f"{row['low']:.2f}–{row['high']:.2f}"),
        el("td.num", "" if run_id == best else f"{row['behind']:.3f}"), el("td.num", _threshold(row), title=visible(row["threshold_note"], 500) or None),
        el("td.num", _cost(row["context_characters"], "context_characters")), el("td.num", duration(row["latency_ms"])),
        el("td.num", f"{row['chunks']:,.0f}"), el("td.num", "free" if usd == 0 else cost(usd)),
    )  # fmt: skip


def _threshold(row: Any) -> str:
    return f"{row['threshold']:.2f}" + (", not recommended" if row["threshold_note"] else "")


def _number(value: float, measure: str) -> str:
    share = measure in ("answered", "rejected") or measure.startswith("hit@")
    return "–" if math.isnan(value) else f"{100 * value:.1f} %" if share else f"{value:.3f}"


def _cost(value: float, kind: str) -> str:
    if kind == "cost_usd":
        return cost(float(value))
    if kind == "latency_ms":
        return duration(float(value)) if value >= 1 or value == 0 else f"{value:.2g} ms"
    return f"{value:,.0f}"
