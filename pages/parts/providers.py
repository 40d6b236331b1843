"""The providers that are set up: state, models with window and price, and what can be done with each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts import provider_change, routing
from pages.parts.models import described, visitor
from pages.parts.provider_keys import unlock
from pages.parts.safe_text import Node, draw, el, label, say, visible
from rag import RagError, Workbench

if TYPE_CHECKING:
    from rag.providers.config import ProviderConfig
    from rag.providers.trial import Trial

FALLBACKS = "settings.fallbacks"
_TRIAL = "settings.trial.{}"


def show(bench: Workbench) -> None:
    """List the providers in the order in which they were added, then the fallback order."""
    found = bench.gateway.book.all()
    if not found:
        draw(
            el(
                "div.empty.slim",
                el("p", "No provider yet: answers are extracts, which need no key and no network."),
                el(
                    "p",
                    "Add one on the right for answers that a model writes. Local servers such as Ollama need no key.",
                ),
            ),
            key="settings.providers.none",
        )
    if any(config.key_is_stored for config in found):
        unlock(bench)
    for config in found:
        _one(bench, config)
    if found:
        _fallbacks(bench)
        routing.show(bench)


def _one(bench: Workbench, config: ProviderConfig) -> None:
    with st.container(border=True, key=f"provider-{config.name}"):
        draw(_head(bench, config), _models(bench, config), key=f"settings.provider.{config.name}")
        trial: Trial | None = st.session_state.get(_TRIAL.format(config.name))
        if trial is not None:
            say("success" if trial.ok else "warning", trial.sentence)
        test, edit, switch, remove = st.columns([1, 1, 1, 1])
        if test.button(
            "Test", key=f"test.{config.name}", icon=":material/network_check:", width="stretch",
            help=label(bench.gateway.before_trying(config, user=visitor()), 600),
        ):  # fmt: skip
            with st.spinner("Asking …"):
                result = bench.gateway.try_out(config, user=visitor())
            st.session_state[_TRIAL.format(config.name)] = result
            st.rerun()
        with edit.popover("Change", icon=":material/edit:", width="stretch"):
            provider_change.show(bench, config)
        word = "Switch off" if config.is_active else "Switch on"
        switch.button(
            word, key=f"switch.{config.name}", icon=":material/power_settings_new:", width="stretch",
            on_click=_apply, args=(bench, config.name), kwargs={"is_active": not config.is_active},
        )  # fmt: skip
        with remove.popover("Remove", icon=":material/delete:", width="stretch"):
            st.caption("Its key and its budget are forgotten too. What it cost stays in Usage.")
            st.button(
                "Remove it", key=f"remove.{config.name}", type="primary", on_click=_remove, args=(bench, config.name)
            )


def _head(bench: Workbench, config: ProviderConfig) -> Node:
    problem = bench.gateway.problem(config, visitor())
    state = "off" if not config.is_active else "not usable" if problem else "ready"
    look = {"off": "span.chip", "not usable": "span.chip.warn", "ready": "span.chip.good"}[state]
    hint = bench.gateway.key_hint(config, visitor())
    return el(
        "div",
        el(
            "div.row",
            el("span.strong", visible(config.name)),
            el("span.muted", bench.provider_kinds[config.kind].title),
            el(look, state),
            el("span.muted", visible(config.url, 90)),
            el("span.muted", f"key from {hint}" if hint else "no key"),
        ),
        el("p.muted", visible(problem, 400)) if problem and config.is_active else None,
        el("p.muted", f"Limits: {config.held_to}.") if config.held_to else None,
    )


def _models(bench: Workbench, config: ProviderConfig) -> Node:
    """Return the models with window and price; unknown is said to be unknown."""
    rows = [
        el(
            "tr",
            el("td.strong", visible(card.name.partition("/")[2], 80)),
            el("td.kind", "embedding" if card.is_embedding else "chat, default" if card.is_default else "chat"),
            el("td.muted", visible(described(card), 200)),
        )
        for card in bench.gateway.cards(config, visitor())
    ]
    if not rows:
        return el("p.muted", "No models named yet: press Change and enter the ones to use.")
    return el("table", el("tbody", *rows))


# --- changing ---


def _apply(bench: Workbench, name: str, **changes: object) -> None:
    """Change a provider; what cannot be is said on the page that follows."""
    st.session_state.pop(_TRIAL.format(name), None)
    try:
        bench.gateway.book.change(name, **changes)
    except RagError as error:
        st.session_state["settings.problem"] = str(error)


def _remove(bench: Workbench, name: str) -> None:
    for place in (_TRIAL, provider_change.TRIAL):
        st.session_state.pop(place.format(name), None)
    st.session_state.pop(FALLBACKS, None)
    try:
        bench.gateway.book.remove(name)
    except RagError as error:
        st.session_state["settings.problem"] = str(error)


# --- fallbacks ---


def _fallbacks(bench: Workbench) -> None:
    offered = [card.name for card in bench.gateway.models(user=visitor()) if not card.is_embedding]
    kept = [name for name in bench.gateway.book.fallbacks if name in offered]
    if FALLBACKS not in st.session_state or not set(st.session_state[FALLBACKS]) <= set(offered):
        st.session_state[FALLBACKS] = kept
    st.multiselect(
        "Fallback order", offered, key=FALLBACKS, format_func=lambda name: visible(name, 80),
        on_change=lambda: bench.gateway.book.set_fallbacks(st.session_state[FALLBACKS]),
        help="When the chosen model fails, these are asked in this order. The answer names the one that gave it.",
        placeholder="None: a failure is shown as what it is",
    )  # fmt: skip
