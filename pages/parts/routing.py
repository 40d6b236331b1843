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
_OWN, _CHOSEN = "the provider's own", "the model that was chosen"
_SIZES = {"small": "For simple tasks", "large": "For long prompts and many documents"}
_FROM = {"long_tokens": "A prompt is long from, tokens", "many_documents": "Documents are many from"}


def show(bench: Workbench) -> None:
    """Draw the rule with its fields; each counts as soon as it is changed."""
    st.subheader("Which model does what")
    kept: dict[str, Any] = dict(bench.catalog.setting(_KEY, {}) or {})
    offered = [card.name for card in bench.gateway.models(user=visitor()) if not card.is_embedding and not card.problem]
    st.session_state.setdefault("routing.is_on", kept.get("is_on", True))
    st.toggle(
        "Small models for simple tasks, large ones for hard ones", key="routing.is_on", on_change=_keep, args=(bench,)
    )
    for column, (size, title) in zip(st.columns(2), _SIZES.items(), strict=True):
        options = [_OWN, _CHOSEN, *offered]
        now = _OWN if size not in kept else kept[size] or _CHOSEN
        if st.session_state.setdefault(f"routing.{size}", now) not in options:
            st.session_state[f"routing.{size}"] = _OWN
        column.selectbox(
            title,
            options,
            key=f"routing.{size}",
            format_func=lambda name: visible(name, 60),
            on_change=_keep,
            args=(bench,),
        )  # trusted: our own words
    routing = bench.gateway.routing(_answering(bench), visitor())
    for column, (part, title) in zip(st.columns(2), _FROM.items(), strict=True):
        st.session_state.setdefault(f"routing.{part}", getattr(routing, part))
        column.number_input(
            title, min_value=2, step=1000 if part == "long_tokens" else 1, key=f"routing.{part}", on_change=_keep, args=(bench,)
        )  # fmt: skip  # trusted: our own words
    draw(_table(routing), key="settings.routing")


def _answering(bench: Workbench) -> str:
    """Return the remote model that Ask begins with, else the first there is: the rule is shown for it."""
    chosen = str(bench.catalog.setting(SETTING, "") or "")
    known = [card.name for card in bench.gateway.models(user=visitor()) if not card.is_embedding]
    return chosen if chosen in known else next(iter(known), EXTRACTS)


def _table(routing: Routing) -> Node:
    small, large = (routing.small or routing.chosen, routing.large or routing.chosen)
    if not routing.is_on:
        small = large = routing.chosen
    rows = (
        ("Rewrites a follow-up question so that it can be searched for", small),
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
    kept: dict[str, Any] = {part: st.session_state[f"routing.{part}"] for part in ("is_on", *_FROM)}
    for size in _SIZES:
        name = st.session_state[f"routing.{size}"]
        if name != _OWN:
            kept[size] = "" if name == _CHOSEN else name
    try:
        bench.catalog.set_setting(_KEY, kept)
    except RagError as error:
        say("warning", error)
