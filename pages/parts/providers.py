"""The providers that are set up: state, models with window and price, and what can be done with each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.models import described, visitor
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
                el("p", "Add one below for answers that a model writes. Local servers such as Ollama need no key."),
            ),
            key="settings.providers.none",
        )
    if any(config.key_is_stored for config in found):
        _unlock(bench)
    for config in found:
        _one(bench, config)
    if found:
        _fallbacks(bench)


def _one(bench: Workbench, config: ProviderConfig) -> None:
    with st.container(border=True, key=f"provider-{config.name}"):
        draw(_head(bench, config), _models(bench, config), key=f"settings.provider.{config.name}")
        trial: Trial | None = st.session_state.get(_TRIAL.format(config.name))
        if trial is not None:
            say("success" if trial.ok else "warning", trial.sentence)
        test, change, switch, remove = st.columns([1, 1, 1, 1])
        if test.button("Test", key=f"test.{config.name}", icon=":material/network_check:", width="stretch"):
            with st.spinner("One small real call …"):
                result = bench.gateway.try_out(config, user=visitor())
            st.session_state[_TRIAL.format(config.name)] = result
            st.rerun()
        with change.popover("Change", icon=":material/edit:", width="stretch"):
            _change(bench, config)
        word = "Switch off" if config.is_active else "Switch on"
        switch.button(
            word, key=f"switch.{config.name}", icon=":material/power_settings_new:", width="stretch",
            on_click=_apply, args=(bench, config.name), kwargs={"is_active": not config.is_active},
        )  # fmt: skip
        with remove.popover("Remove", icon=":material/delete:", width="stretch"):
            st.caption("Its key is forgotten too. What it cost stays in Usage.")
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
    st.session_state.pop(_TRIAL.format(name), None)
    st.session_state.pop(FALLBACKS, None)
    try:
        bench.gateway.book.remove(name)
    except RagError as error:
        st.session_state["settings.problem"] = str(error)


def _change(bench: Workbench, config: ProviderConfig) -> None:
    """Draw the fields that can be changed; a key is only ever replaced, never shown."""
    name, fields = config.name, f"change.{config.name}.{st.session_state.get('settings.saved', 0)}"
    st.text_input(
        "Base URL", value=config.base_url, key=f"{fields}.url", placeholder=config.url
    )  # trusted: an attribute, never markdown
    st.caption(
        f"Its key is in the variable {label(config.key_env, 60)}, named on the command line for this address; another address drops it."
        if config.key_env
        else "Another address drops the key: it was entered for this one, and has to be entered again."
    )
    st.text_area(
        "Chat models, one a line, the default first", value="\n".join(config.models), key=f"{fields}.models", height=90
    )
    st.number_input(
        "Requests per minute",
        min_value=1,
        value=config.limits.requests_per_minute,
        key=f"{fields}.rpm",
        placeholder="no limit",
    )
    st.text_input("New key", type="password", key=f"{fields}.key", autocomplete="off", placeholder="unchanged")
    key_place(bench, fields)

    def save() -> None:
        typed = {part: st.session_state.get(f"{fields}.{part}") for part in ("url", "models", "rpm", "key")}
        _apply(
            bench, name, base_url=typed["url"] or "", models=names_in(typed["models"] or ""),
            limits=type(config.limits)(typed["rpm"], config.limits.tokens_per_minute, config.limits.concurrent),
        )  # fmt: skip
        if typed["key"]:
            take_key(bench, name, str(typed["key"]), fields)
        forget_typed()

    def forget() -> None:
        bench.gateway.drop_key(name)
        forget_typed()

    st.button("Save", key=f"{fields}.save", type="primary", on_click=save, width="stretch")
    if bench.gateway.key_hint(config, visitor()):
        st.button("Forget its key", key=f"{fields}.forget", on_click=forget, width="stretch")


def names_in(text: str) -> tuple[str, ...]:
    """Return the names of a list written with line breaks or commas."""
    parts = (part.strip() for part in text.replace(",", "\n").splitlines())
    return tuple(dict.fromkeys(part for part in parts if part))


def forget_typed() -> None:
    """Give every field a fresh key, so that no typed key stays in the session."""
    for key in [k for k in st.session_state if str(k).endswith((".key", ".passphrase"))]:
        del st.session_state[key]
    st.session_state["settings.saved"] = st.session_state.get("settings.saved", 0) + 1


# --- keys ---

_SESSION, _FILE = "This session only", "Key file, encrypted"


def key_place(bench: Workbench, fields: str) -> None:
    """Ask where an entered key is kept; the key file needs a passphrase or the system's keyring."""
    where = st.radio(
        "Keep the key", [_SESSION, _FILE], key=f"{fields}.where", horizontal=True
    )  # trusted: our own words
    vault = bench.gateway.keys.vault
    if where == _FILE and vault is not None and not vault.can_store:
        st.text_input("Passphrase of the key file", type="password", key=f"{fields}.passphrase", autocomplete="off")
        st.caption("It is asked for again after a restart; without it the stored keys cannot be read by anybody.")


def take_key(bench: Workbench, name: str, key: str, fields: str) -> None:
    """Keep a key where the visitor chose; what goes wrong is said on the page that follows."""
    in_file = st.session_state.get(f"{fields}.where") == _FILE
    passphrase = st.session_state.get(f"{fields}.passphrase")
    try:
        if in_file and passphrase and bench.gateway.keys.vault is not None:
            bench.gateway.keys.vault.unlock(str(passphrase))
        bench.gateway.set_key(name, key, where="key file" if in_file else "session", user=visitor())
    except RagError as error:
        st.session_state["settings.problem"] = f"The key was not kept. {error}"


def _unlock(bench: Workbench) -> None:
    """Ask for the passphrase when keys are stored and nothing opens them, as after a restart."""
    vault = bench.gateway.keys.vault
    if vault is None or vault.can_store:
        return
    field = f"unlock.{st.session_state.get('settings.saved', 0)}.passphrase"

    def unlock() -> None:
        try:
            vault.unlock(str(st.session_state.get(field) or ""))
        except RagError as error:
            st.session_state["settings.problem"] = str(error)
        forget_typed()

    st.text_input("Passphrase of the stored keys", type="password", key=field, autocomplete="off")
    st.button("Unlock the keys", key="settings.unlock", icon=":material/lock_open:", on_click=unlock)


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
