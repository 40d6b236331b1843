"""Research on the Ask page: its switch with the limits said before, and the steps that a model took."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.models import EXTRACTS, Choice, price, visitor
from pages.parts.safe_text import Node, el, visible
from pages.parts.shared import count
from rag import GenerateOptions, RagError, Workbench

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.types import ResearchStep, ToolCallEvent

SWITCH = "ask.research"
ADDRESS = "r"
_DOING = {
    "search": "Searching for “{}”",
    "read_pages": "Reading {}",
    "list_documents": "Looking at the list of documents",
    "compute": "Working out {}",
}
_DONE = {
    "search": "Searched for",
    "read_pages": "Read",
    "list_documents": "Listed the documents",
    "compute": "Worked out",
}


def switch(bench: Workbench, model: Choice) -> bool:
    """Draw the switch and return whether to research; it cannot be on for a model that calls no tools."""
    possible = can(bench, model.name)
    if SWITCH not in st.session_state:
        st.session_state[SWITCH] = st.query_params.get(ADDRESS) == "1"
    if not possible:
        st.session_state[SWITCH] = False
    wanted = st.toggle(
        "Research: lets the model search several times", key=SWITCH, disabled=not possible, persist_state="session",
        help="It searches and reads in this collection on its own before it answers, and does arithmetic with a calculator. "
        "Every step is shown; the answer is cited and checked like any other."
        if possible
        else "The chosen model cannot call tools. Choose a chat model that can.",
    )  # fmt: skip
    if wanted:
        st.query_params[ADDRESS] = "1"
    else:
        st.query_params.pop(ADDRESS, None)
    return wanted


def is_on(bench: Workbench, model: str) -> bool:
    """Whether the next question is to be researched."""
    linked = st.query_params.get(ADDRESS) == "1"  # a link that asks at once does so before the switch is drawn
    return bool(st.session_state.get(SWITCH, linked)) and can(bench, model)


def can(bench: Workbench, model: str) -> bool:
    """Whether a model can call tools; extracts are no model that writes."""
    try:
        return model != EXTRACTS and bench.gateway.capabilities(model).tools
    except RagError:
        return False


def limit_line(bench: Workbench, model: str) -> str:
    """Return what a research may cost at most, before it is asked for."""
    limits = GenerateOptions()
    most = f"at most {count(limits.research_turns, 'call')} and {limits.research_tokens:,} tokens"
    try:
        usd = bench.likely_usd(model, limits.research_tokens, user=visitor())
    except RagError:
        usd = None
    if usd is None:
        return f"{model}: {most} for a research; {price(None)}."
    amount = "free" if usd == 0 else f"at most ${limits.research_usd:.2f}"
    return f"{model}: {amount}, {most} for a research."


def doing(event: ToolCallEvent) -> str:
    """Return what a tool is doing now, as a sentence."""
    return _DOING.get(event.name, "Calling {}").format(visible(event.asked or event.name, 160)) + "."


def steps(taken: Sequence[ResearchStep], *, folded: bool) -> Node | None:
    """Return the steps, folded away under their number once the answer stands; None without any."""
    if not taken:
        return None
    listed = el("ol.steps", *(_step(step) for step in taken))
    return el("details", el("summary.muted", f"Research: {count(len(taken), 'step')}"), listed) if folded else listed


def _step(step: ResearchStep) -> Node:
    what = _DONE.get(step.tool, "Called")
    asked = visible(step.asked if step.tool in _DONE else f"{step.tool} {step.asked}", 200)
    return el(
        "li",
        el("span", f"{what} "),
        el("span.strong", asked) if asked else None,
        el("span.muted", f" {visible(step.found, 300)}"),
        el("span.chip.warn", "not possible") if step.is_error else None,
        el("div.muted", f"“{visible(step.thought, 300)}”") if step.thought else None,
    )
