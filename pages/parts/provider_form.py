"""Adding a provider: a kind fills in what is known of it, and real calls, priced before, show that it works before it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts import provider_trial
from pages.parts.models import visitor
from pages.parts.provider_keys import forget_typed, key_place, names_in, take_key
from pages.parts.safe_text import label, say
from rag import RagError, Workbench

if TYPE_CHECKING:
    from rag.providers.config import ProviderConfig

_TRIAL = "settings.add.trial"
_EXAMPLES = {"openai": "https://gateway.example.com/v1", "anthropic": "https://gateway.example.com"}


def show(bench: Workbench) -> None:
    """Draw the form; nothing is kept before Add."""
    fields = f"add.{st.session_state.get('settings.saved', 0)}"
    _fields(bench, fields)
    st.caption(label(_before(bench, fields), 600))
    test, add = st.columns(2)
    tested = test.button("Test", key=f"{fields}.test", icon=":material/network_check:", width="stretch")
    wanted = add.button("Add", key=f"{fields}.add", type="primary", icon=":material/add:", width="stretch")
    config = _config(bench, fields) if tested or wanted else None
    if config is not None and provider_trial.works(bench, config, _key(fields), _TRIAL, again=tested) and wanted:
        _keep(bench, config, fields)
        st.rerun()
    if (entered := config or _sensible(bench, fields)) is not None:
        anyway = f"{fields}.anyway"
        provider_trial.outcome(entered, _key(fields), _TRIAL, "Add it anyway", anyway, _keep_anyway, (bench, fields))


def _fields(bench: Workbench, fields: str) -> None:
    kinds = bench.provider_kinds
    left, right = st.columns([1.7, 1])
    kind = left.selectbox("Kind", list(kinds), key=f"{fields}.kind", format_func=lambda kind: kinds[kind].title)
    found = kinds[kind]
    right.text_input(
        "Name", key=f"{fields}.name", placeholder=kind, help="First half of PROVIDER/MODEL."
    )  # trusted: our own preset
    st.text_input(
        "Base URL", key=f"{fields}.url", placeholder=found.base_url or _EXAMPLES[found.wire],
        help="Empty takes the usual one, where there is one.",
    )  # fmt: skip  # trusted: from our own presets
    usual = ", ".join(dict.fromkeys(m for m in (found.answer, found.small, found.large) if m))
    st.text_area(
        "Chat models, one a line, the default first", key=f"{fields}.models", height=80,
        placeholder=usual or "as the server names them; Test lists them",
    )  # fmt: skip  # trusted: from our own presets
    st.text_area(
        "Embedding models, one a line", key=f"{fields}.embedding", height=68, placeholder=found.embedding or "none",
        help="For collections whose vectors this provider makes.",
    )  # fmt: skip  # trusted: from our own presets
    url = str(st.session_state.get(f"{fields}.url") or "") or found.base_url
    st.caption(_where_from(bench, kind, url))  # trusted: our own words and presets
    st.text_input("Key", key=f"{fields}.key", type="password", autocomplete="off")
    if st.session_state.get(f"{fields}.key"):
        key_place(bench, fields)


def _where_from(bench: Workbench, kind: str, url: str) -> str:
    """Return where a key will come from. A visitor names no variable: what it holds could then be sent to an address of theirs."""
    variable, is_set = bench.gateway.keys.usual(kind, url)
    if not variable:
        return "Enter a key if the server wants one: a variable of this machine goes to nobody but its own vendor."
    state = "is set here and goes before a key entered below" if is_set else "is not set here"
    return f"`{variable}` {state}. It is only ever sent to {bench.provider_kinds[kind].title}'s own address."


def _config(bench: Workbench, fields: str) -> ProviderConfig | None:
    """Return what was entered, None when it makes no sense; the sentence is then on the page."""
    try:
        return _configured(bench, fields)
    except RagError as error:
        say("warning", error)
        return None


def _configured(bench: Workbench, fields: str) -> ProviderConfig:
    """Return what was entered. Raises `ProviderError` when it makes no sense."""
    parts = ("kind", "name", "url", "models", "embedding")
    typed = {part: str(st.session_state.get(f"{fields}.{part}") or "") for part in parts}
    return bench.gateway.configure(
        typed["name"] or typed["kind"], typed["kind"], base_url=typed["url"], models=names_in(typed["models"]),
        embedding_models=dict.fromkeys(names_in(typed["embedding"]), 0),
    )  # fmt: skip


def _before(bench: Workbench, fields: str) -> str:
    """Return what Test and Add will call, and for how much, as far as what was entered makes sense."""
    config = _sensible(bench, fields)
    if config is None:
        return "Test makes one small real call to a chat and to an embedding model."
    return bench.gateway.before_trying(config, key=_key(fields), user=visitor())


def _sensible(bench: Workbench, fields: str) -> ProviderConfig | None:
    """Return what was entered, None as long as it makes no sense; nothing is said of it."""
    try:
        return _configured(bench, fields)
    except RagError:
        return None


def _key(fields: str) -> str:
    return str(st.session_state.get(f"{fields}.key") or "")


def _keep_anyway(bench: Workbench, fields: str) -> None:
    if (config := _config(bench, fields)) is not None:
        _keep(bench, config, fields)


def _keep(bench: Workbench, config: ProviderConfig, fields: str) -> None:
    try:
        bench.gateway.book.add(config)
    except RagError as error:
        st.session_state["settings.problem"] = str(error)
        return
    if key := _key(fields):
        take_key(bench, config.name, key, fields)
    provider_trial.take(_TRIAL)
    forget_typed()
