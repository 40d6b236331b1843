"""Which chat model answers: the ones on offer with price and window, the ones that cannot be used with their reason."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.safe_text import Node, draw, el, label, visible
from pages.parts.shared import cost, count
from rag import GenerateOptions, RagError, Workbench

if TYPE_CHECKING:
    from rag.types import Collection, SearchOptions

MODEL = "m"  # of the address: a link says which model it was asked of
CHOSEN = "ask.model"
SETTING = "ask_model"
OPEN = "ask.model.list"
_WRITTEN = "ask.model.written"  # what this page itself put into the address, which nobody chose
VISITOR = "visitor"
EXTRACTS = GenerateOptions().model
PROMPT_OVERHEAD = 900  # tokens of rules, examples and question, beside the excerpts


@dataclass(frozen=True, slots=True)
class Choice:
    """A chat model in the list."""

    name: str
    note: str
    problem: str = ""


def visitor() -> str:
    """Return the id of this session: whoever enters a key for the session is the only one to use it."""
    if VISITOR not in st.session_state:
        st.session_state[VISITOR] = uuid.uuid4().hex
    return str(st.session_state[VISITOR])


def choices(bench: Workbench) -> list[Choice]:
    """Return every chat model that this visitor may see; contacts nobody."""
    extracts = Choice(EXTRACTS, "quotes the documents; no key, no network, no cost")
    cards = bench.gateway.models(user=visitor())
    return [extracts, *(Choice(c.name, described(c), c.problem) for c in cards if not c.is_embedding)]


def described(card: object) -> str:
    """Return window and price of a model card, and when it goes out of service."""
    window = f"{window:,} tokens" if (window := getattr(card, "context_window", None)) else "window unknown"
    retires = getattr(card, "retires", "")
    return f"{window}; {price(getattr(card, 'price', None))}" + (f"; retires on {retires}" if retires else "")


def price(unit: object) -> str:
    """Return a unit price; None is said to be unknown, and one of this machine's own models costs nothing."""
    if unit is None:
        return "price unknown"
    source = getattr(unit, "source", "")
    return "free, runs locally" if source == "local" else f"your price: {unit}" if source == "override" else str(unit)


def chosen(bench: Workbench, offered: list[Choice]) -> Choice:
    """Return the model of this session, else of the address, else the one chosen last; extracts where that cannot be used.

    One that a link asks for becomes the session's, whether it can be used or not: New and other pages clear the address, and no
    other model, with another price, may answer then.
    """
    linked = st.query_params.get(MODEL)
    if linked and not st.session_state.get(CHOSEN) and linked != st.session_state.get(_WRITTEN):
        st.session_state[CHOSEN] = linked
    usable = {c.name: c for c in offered if not c.problem}
    wanted = st.session_state.get(CHOSEN) or linked or bench.catalog.setting(SETTING, "")
    found = usable.get(str(wanted), usable[EXTRACTS])
    if found.name != wanted and wanted:
        why = next((c.problem for c in offered if c.name == wanted), "") or "It is not set up any more."
        st.session_state["ask.model.problem"] = f"{wanted} cannot answer now. {why} Extracts answer instead."
    else:
        st.session_state.pop("ask.model.problem", None)
    if found.name != EXTRACTS:
        st.query_params[MODEL] = st.session_state[_WRITTEN] = found.name
    else:
        st.query_params.pop(MODEL, None)
    return found


def answering(bench: Workbench) -> str:
    """Return the model that would answer this visitor now, as `chosen`; for other pages, whose address does not name it."""
    wanted = str(st.session_state.get(CHOSEN) or bench.catalog.setting(SETTING, "") or EXTRACTS)
    if wanted == EXTRACTS:
        return EXTRACTS
    return wanted if any(c.name == wanted and not c.problem for c in choices(bench)) else EXTRACTS


def choose(bench: Workbench, name: str) -> None:
    """Keep a choice: for this session, and as what the next one begins with."""
    st.session_state[CHOSEN] = name
    st.session_state[OPEN] = False
    st.query_params.pop(MODEL, None)
    try:
        bench.catalog.set_setting(SETTING, name)
    except RagError:
        return  # a workbench opened for reading keeps nothing


def picker(bench: Workbench, offered: list[Choice], now: Choice) -> None:
    """Draw the list behind a button that names the present model."""
    with st.popover(label(now.name, 34), icon=":material/neurology:", width="stretch", key=OPEN, on_change="rerun"):
        rows = [row(choice, now) for choice in offered]
        draw(el("ul.choices", *rows), key="ask.models", on_pick=lambda name: choose(bench, name))
        if len(offered) == 1:
            st.caption("Add providers in Settings → Providers.")


def row(choice: Choice, now: Choice | None = None) -> Node:
    """Return a model as a line of a list; one that cannot be used says why and cannot be picked."""
    title = el("span.strong", visible(choice.name, 70))
    if choice.problem:
        return el("li.off", title, el("span.muted", visible(choice.problem, 300)))
    look = "button.choice.current" if choice == now else "button.choice"
    return el("li", el(look, title, el("span.muted", visible(choice.note, 200)), data_pick=choice.name))


def cost_line(bench: Workbench, target: Collection, now: Choice, search: SearchOptions) -> str:
    """Return about what an answer will cost at most, before it is asked for."""
    if now.name == EXTRACTS:
        return "Extracts: free, nothing leaves this machine."
    tokens = search.top_k * (1 + 2 * search.neighbours) * target.options.chunk_size_tokens
    usd = bench.likely_usd(now.name, tokens + PROMPT_OVERHEAD, user=visitor())
    amount = "price unknown" if usd is None else "free" if usd == 0 else f"about {cost(usd)}"
    warnings = bench.budgets.warnings(now.name.partition("/")[0]) if usd != 0 else []
    return " ".join([f"{now.name}: {amount} for an answer from {count(search.top_k, 'excerpt')}.", *warnings])
