"""Budgets on the page: set in dollars for a day and a month, with what is spent and left, and what could not be counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.safe_text import Node, draw, el, say, visible
from pages.parts.shared import cost as precise_cost
from pages.parts.shared import count
from rag import RagError, Workbench

if TYPE_CHECKING:
    from rag.usage.budgets import BudgetState, Period
    from rag.usage.ledger import Spent

_WORDS: dict[Period, str] = {"day": "today", "month": "this month"}
_NAMES: dict[Period, str] = {"day": "Per day", "month": "Per month"}


def cost(usd: float) -> str:
    """Return an amount to set beside a limit: in cents from ten of them on."""
    return f"${usd:,.2f}" if usd >= 0.0995 else precise_cost(usd)


def show(bench: Workbench) -> None:
    """Draw the budget of all providers together, and below it those of single ones."""
    if problem := st.session_state.pop("budgets.problem", None):
        say("warning", problem)
    for warning in bench.budgets.warnings():
        say("warning", warning)
    _one(bench, "", "All providers together")
    names = [config.name for config in bench.gateway.book.all()]
    gone = sorted({state.provider for state in bench.budgets.states()} - {"", *names})
    if names or gone:
        st.subheader("For one provider")
        st.caption("Counts beside the budget of all: a call has to fit into both.")
    for name in names:
        _one(bench, name, name)
    for name in gone:
        _one(bench, name, f"{visible(name, 40)}, which was removed")
    st.caption(
        "A call is held against the budgets before it is made, with what it will likely cost, and corrected when the provider has reported. "
        "Extracts, local servers and answers from the cache are free and always allowed."
    )


def _one(bench: Workbench, provider: str, title: str) -> None:
    with st.container(border=True, key=f"budget-{provider or 'all'}"):
        draw(el("p.strong", visible(title, 60)), key=f"budget.name.{provider}")
        left, right = st.columns(2)
        budget = bench.budgets.get(provider)
        for column, period in ((left, "day"), (right, "month")):
            with column:
                _field(bench, provider, period, getattr(budget, period))  # type: ignore[arg-type]
        states = {s.period: s for s in bench.budgets.states() if s.provider == provider}
        with left:
            _spent(bench.budgets.spent("day", provider), states.get("day"), "day", provider)
        with right:
            _spent(bench.budgets.spent("month", provider), states.get("month"), "month", provider)


def _field(bench: Workbench, provider: str, period: Period, usd: float | None) -> None:
    key = f"budget.{provider}.{period}"

    def save() -> None:
        other: Period = "month" if period == "day" else "day"
        amounts = {period: st.session_state[key], other: getattr(bench.budgets.get(provider), other)}
        try:
            bench.budgets.set(provider, **amounts)
        except RagError as error:
            st.session_state["budgets.problem"] = str(error)

    st.session_state.setdefault(key, usd)  # a field that begins with a value could not be emptied
    st.number_input(
        f"{_NAMES[period]}, USD", min_value=0.0, value=None, step=1.0, format="%.2f", key=key, placeholder="no limit",
        on_change=save, help="Empty is no limit; 0 allows only what is free.",
    )  # fmt: skip  # trusted: our own words


def _spent(spent: Spent, state: BudgetState | None, period: Period, provider: str) -> None:
    draw(_line(spent, state, period), key=f"budget.spent.{provider}.{period}")


def _line(spent: Spent, state: BudgetState | None, period: Period) -> Node:
    """Return a bar with what is left, or without a limit what was spent; calls without a price stand beside it."""
    said = f"{cost(spent.usd)} spent {_WORDS[period]}"
    if state is not None:
        said = f"{cost(state.left_usd)} left {_WORDS[period]}, {cost(spent.usd)} spent"
    look = "span.fill.over" if state and state.is_near else "span.fill.total"
    return el(
        "div",
        el("span.meter.long", el(look, w=round(100 * state.share, 1))) if state else None,
        el("p.muted", el("span.num", said), *(el("span", f"; {part}") for part in _beside(spent))),
    )


def _beside(spent: Spent) -> list[str]:
    """Return what the sum does not say: what of it is estimated, and how many calls are not in it."""
    estimated = f"{cost(spent.estimated_usd)} of it estimated" if spent.estimated_usd else ""
    uncounted = f"{count(spent.uncounted, 'call')} of unknown price not counted" if spent.uncounted else ""
    return [part for part in (estimated, uncounted) if part]


def left(bench: Workbench) -> None:
    """Draw what is left of each budget in a line: for Usage. Draws nothing where there is none."""
    states = bench.budgets.states()
    if not states:
        return
    for warning in (s.warning for s in states if s.warning):
        say("warning", warning)
    draw(
        el("div.facts.small", *(_left(state) for state in states)),
        *(el("p.muted", sentence) for sentence in map(_uncounted, states) if sentence),
        key="usage.budgets",
    )


def _left(state: BudgetState) -> Node:
    whose = f"{state.provider}: " if state.provider else ""
    return el(
        "div.fact",
        el("span.name", visible(f"{whose}left {_WORDS[state.period]}", 60)),
        el("span.value", f"{cost(state.left_usd)} of {cost(state.limit_usd)}"),
        el(
            "span.meter.long",
            el("span.fill.over" if state.is_near else "span.fill.total", w=round(100 * state.share, 1)),
        ),
    )


def _uncounted(state: BudgetState) -> str:
    parts = _beside(state.spent)
    return f"{_WORDS[state.period].capitalize()}: {'; '.join(parts)}." if parts and not state.provider else ""
