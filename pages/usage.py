"""Usage: every model call so far, what it took and what it cost. An unknown cost is never shown as zero."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import altair as alt
import pandas as pd
import streamlit as st

import rag
from pages.parts import budgets, shared
from pages.parts.safe_text import visible
from rag import Workbench
from rag.types import Paid

if TYPE_CHECKING:
    from rag.types import UsageRecord

_PERIODS = {"Today": 0, "7 days": 6, "30 days": 29, "All": None}
_ROWS = 2000  # of single calls in the table; totals count all


def main() -> None:
    bench = shared.open_bench()
    title, period = st.columns([3, 2], vertical_alignment="bottom")
    title.title("Usage")
    with period, st.container(horizontal=True, horizontal_alignment="right"):
        chosen = st.segmented_control(
            "Period", list(_PERIODS), default="All", required=True, key="usage.period", label_visibility="collapsed",
            persist_state="session",
        )  # fmt: skip
    budgets.left(bench)
    since = _since(chosen or "All")
    by_day = bench.ledger.totals("day", since)
    if not by_day:
        shared.empty_state(
            "No model was called yet",
            "Adding documents, searching and asking each leave a row here.",
            key="usage.empty",
        )
        return
    _headline(by_day)
    days, table = st.columns([1, 1.5], gap="large")
    with days:
        _by_day(by_day)
    with table:
        _totals(bench, since)
    _calls(bench.ledger.records(since, limit=_ROWS))


def _since(period: str) -> datetime | None:
    days = _PERIODS[period]
    return None if days is None else rag.clock.midnight(datetime.now().astimezone().date() - timedelta(days=days))


def _headline(by_day: list[dict[str, Any]]) -> None:
    estimated = sum(t["estimated"] for t in by_day)
    shared.facts(
        ("cost", rag.reporting.spent(by_day)),
        ("calls", f"{sum(t['calls'] for t in by_day):,}"),
        ("tokens read", f"{sum(t['input_tokens'] for t in by_day):,}"),
        ("tokens written", f"{sum(t['output_tokens'] for t in by_day):,}"),
        *((("estimated", shared.count(estimated, "call")),) if estimated else ()),
        key="usage.facts",
    )  # fmt: skip


def _by_day(by_day: list[dict[str, Any]]) -> None:
    st.subheader("Calls by day")
    data = pd.DataFrame(
        [
            {
                "day": t["day"], "Day": f"{date.fromisoformat(t['day']):%d %b %Y}", "calls": t["calls"],
                "tokens": t["input_tokens"] + t["output_tokens"],
            }
            for t in by_day
        ]
    )  # fmt: skip
    # A day without a time is read as midnight UTC: only drawn in UTC as well it is the same day west of Greenwich.
    axis = alt.Axis(format="%d %b", labelAngle=0, tickCount="day")
    chart = (
        alt.Chart(data)
        .mark_bar(size=22, cornerRadiusTopLeft=3, cornerRadiusTopRight=3)
        .encode(
            x=alt.X("day:T", title=None, scale=alt.Scale(type="utc"), axis=axis),
            y=alt.Y("calls:Q", title=None, axis=alt.Axis(tickMinStep=1)),
            tooltip=["Day:N", "calls:Q", alt.Tooltip("tokens:Q", format=",")],
        )
        .properties(height=230)
    )
    st.altair_chart(chart, width="stretch")


def _totals(bench: Workbench, since: datetime | None) -> None:
    choices: list[Literal["model", "action", "day"]] = ["model", "action", "day"]
    by = st.segmented_control(
        "Totals by", choices, default="model", required=True, key="usage.by", format_func=lambda b: f"By {b}",
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    rows = [
        {
            by.capitalize(): visible(str(t[by])), "Calls": t["calls"], "Texts": t["items"],
            "Tokens read": t["input_tokens"], "Tokens written": t["output_tokens"], "Cost": rag.reporting.spent([t]),
        }
        for t in bench.ledger.totals(by, since)
    ]  # fmt: skip
    _table(rows, "usage.totals", 260)


def _table(rows: list[dict[str, Any]], key: str, most_px: int) -> None:
    """Show rows as a table that is as tall as its rows, up to a limit."""
    number = st.column_config.NumberColumn(format="localized")
    columns = dict.fromkeys(("Calls", "Texts", "Tokens read", "Tokens written"), number)
    when = {"When": st.column_config.DatetimeColumn(format="D MMM, HH:mm:ss")}
    height: Literal["content"] | int = most_px if (len(rows) + 1) * 34 > most_px else "content"
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, row_height=34, height=height, key=key, column_config=columns | when
    )


def _cost(record: UsageRecord) -> str:
    about = record.estimated_cost_usd if record.cost_usd is None else None
    return rag.reporting.price(Paid(record.usage, record.cost_usd, about))


def _status(record: UsageRecord) -> str:
    return "interrupted" if record.error_kind == "interrupted" else record.status


def _calls(records: list[UsageRecord]) -> None:
    st.subheader("Single calls")
    rows = [
        {
            "When": shared.by_our_clock(r.at), "Action": r.action, "Model": visible(f"{r.provider}/{r.model}"), "Status": _status(r), "Texts": r.items,
            "Tokens read": r.usage.input_tokens, "Tokens written": r.usage.output_tokens, "Estimated": r.usage.estimated,
            "First words": shared.duration(r.ttft_ms), "Took": shared.duration(r.duration_ms), "Cost": _cost(r),
            "Price from": "your price" if r.price_source == "override" else r.price_source,
        }
        for r in records
    ]  # fmt: skip
    _table(rows, "usage.calls", 440)
    if len(records) == _ROWS:
        st.caption(f"The newest {_ROWS:,} calls; the totals count all.")


main()
