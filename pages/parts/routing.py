"""Which model does what: the rule, shown for the model that answers now, and what the user changes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pages.parts.models import EXTRACTS, SETTING, visitor
from pages.parts.safe_text import Node, draw, el, say, visible
from rag import RagError, Workbench

if TYPE_CHECKING:
    from rag.providers.routing import Routing

_KEY = "routing"
"""Setting of the workbench: what is changed of the rule."""
_OWN, _CHOSEN, _RULE = "the provider's own", "the model that was chosen", "by the rule"
_SIZES = {"small": "Small model, for simple tasks", "large": "Large model, for long prompts and many documents"}
_FROM = {"long_tokens": "A prompt is long from, tokens", "many_documents": "Documents are many from"}
_TASKS = {
    "title": "Writes the title of a conversation",
    "rewrite": "Rewrites a follow-up question so that it can be searched for",
    "check": "Checks an answer, when asked to",
}


def show(bench: Workbench) -> None:
    """Draw the rule with its fields; each counts as soon as it is changed."""
    st.subheader("Which model does what")
    kept: dict[str, Any] = dict(bench.catalog.setting(_KEY, {}) or {})
    offered = [card.name for card in bench.gateway.models(user=visitor()) if not card.is_embedding and not card.problem]
    _switch(bench, kept, "is_on", "Small models for simple tasks, large ones for hard ones")
    for column, (size, title) in zip(st.columns(2, vertical_alignment="bottom"), _SIZES.items(), strict=True):
        now = _OWN if size not in kept else kept[size] or _CHOSEN
        with column:
            _picker(bench, size, title, [_OWN, _CHOSEN, *offered], now)
    routing = bench.gateway.routing(_answering(bench), visitor())
    for column, (part, title) in zip(st.columns(2), _FROM.items(), strict=True):
        st.session_state.setdefault(f"routing.{part}", getattr(routing, part))
        column.number_input(
            title, min_value=2, step=1000 if part == "long_tokens" else 1, key=f"routing.{part}", on_change=_keep, args=(bench,)
        )  # fmt: skip  # trusted: our own words
    _switch(bench, kept, "titles", "Let the small model write the title of a conversation")
    columns = st.columns(len(_TASKS), vertical_alignment="bottom")
    for column, (task, title) in zip(columns, _TASKS.items(), strict=True):
        with column:
            _picker(bench, task, title, [_RULE, *offered], (kept.get("overrides") or {}).get(task, _RULE))
    draw(_table(routing), key="settings.routing")


def _switch(bench: Workbench, kept: dict[str, Any], part: str, title: str) -> None:
    st.session_state.setdefault(f"routing.{part}", kept.get(part, True))
    st.toggle(title, key=f"routing.{part}", on_change=_keep, args=(bench,))  # trusted: our own words


def _picker(bench: Workbench, part: str, title: str, options: list[str], now: str) -> None:
    """Draw a list of models; one that cannot be used any more gives way to the first entry."""
    if st.session_state.setdefault(f"routing.{part}", now) not in options:
        st.session_state[f"routing.{part}"] = options[0]
    st.selectbox(
        title, options, key=f"routing.{part}", format_func=lambda name: visible(name, 60), on_change=_keep, args=(bench,)
    )  # fmt: skip  # trusted: our own words


def _answering(bench: Workbench) -> str:
    """Return the remote model that Ask begins with, else the first there is: the rule is shown for it."""
    chosen = str(bench.catalog.setting(SETTING, "") or "")
    known = [card.name for card in bench.gateway.models(user=visitor()) if not card.is_embedding]
    return chosen if chosen in known else next(iter(known), EXTRACTS)


def _table(routing: Routing) -> Node:
    """Return who does what as things stand: what was named for a task goes before the rule."""
    small, large = (routing.small or routing.chosen, routing.large or routing.chosen)
    if not routing.is_on:
        small = large = routing.chosen
    who = {task: routing.overrides.get(task, small) for task in _TASKS}
    if not routing.is_on or not routing.titles or not (routing.small or "title" in routing.overrides):
        who["title"] = "nobody: the question, cut"
    rows = (
        *((title, who[task]) for task, title in _TASKS.items()),
        ("Answers", routing.chosen),
        (f"Answers from {routing.long_tokens:,} tokens of excerpts on", large),
        (f"Answers from excerpts of {routing.many_documents:,} documents on", large),
    )
    return el(
        "table",
        el("tbody", *(el("tr", el("td.muted", task), el("td.strong", visible(model, 80))) for task, model in rows)),
    )


def _keep(bench: Workbench) -> None:
    """Keep what the fields say; the provider's own models are kept as nothing, so that they follow the provider."""
    now = {part: st.session_state[f"routing.{part}"] for part in ("is_on", "titles", *_FROM, *_SIZES, *_TASKS)}
    kept: dict[str, Any] = {part: now[part] for part in ("is_on", "titles", *_FROM)}
    kept |= {size: "" if now[size] == _CHOSEN else now[size] for size in _SIZES if now[size] != _OWN}
    kept["overrides"] = {task: now[task] for task in _TASKS if now[task] != _RULE}
    try:
        bench.catalog.set_setting(_KEY, kept)
    except RagError as error:
        say("warning", error)
