"""Changing a provider: address, models, limits, and for each model its window and the price that the user knows better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zlib import crc32

import streamlit as st

from pages.parts import provider_trial
from pages.parts.models import visitor
from pages.parts.provider_keys import forget_typed, key_place, names_in, take_key
from pages.parts.safe_text import label, say, visible
from rag import RagError, Workbench

if TYPE_CHECKING:
    from rag.providers.config import ProviderConfig
    from rag.providers.gateway import ModelCard

TRIAL = "change.trial.{}"
_LIMITS = {
    "rpm": ("Requests a minute", "requests_per_minute"),
    "tpm": ("Tokens a minute", "tokens_per_minute"),
    "at_once": ("Calls at once", "concurrent"),
}
_PER_USER = {
    "user_rpm": ("Requests a minute, each visitor", "requests_per_minute"),
    "user_tpm": ("Tokens a minute, each visitor", "tokens_per_minute"),
}
_PRICES = {"input": "Input", "output": "Output", "cache_read": "Cached input", "cache_write": "Cache write"}


def show(bench: Workbench, config: ProviderConfig) -> None:
    """Draw the fields that can be changed; a key is only ever replaced, never shown. What is refused stays as it was typed."""
    state = crc32(repr(config).encode())  # somebody else's change begins the fields anew: an old one must not undo it
    fields = f"change.{config.name}.{st.session_state.get('settings.saved', 0)}.{state}"
    _address(config, fields)
    _models(config, fields)
    _limits(config, fields)
    _of_a_model(bench, config, fields)
    st.text_input("New key", type="password", key=f"{fields}.key", autocomplete="off", placeholder="unchanged")
    if st.session_state.get(f"{fields}.key"):
        key_place(bench, fields)
    wanted, key = _wanted(bench, config, fields), _key(fields)
    if wanted is not None and _needs_calls(config, wanted, key):
        st.caption(
            label(f"Save tries that out first. {bench.gateway.before_trying(wanted, key=key, user=visitor())}", 700)
        )
    if st.button("Save", key=f"{fields}.save", type="primary", width="stretch"):
        _save(bench, config, fields)
    if wanted is not None:
        place, anyway = TRIAL.format(config.name), f"{fields}.anyway"
        provider_trial.outcome(wanted, key, place, "Save it anyway", anyway, _keep, (bench, config, fields))
    if bench.gateway.key_hint(config, visitor()) and (config.key_env or not _from_its_vendor(bench, config)):
        st.button(
            "Forget its key", key=f"{fields}.forget", on_click=_forget, args=(bench, config.name), width="stretch"
        )


def _address(config: ProviderConfig, fields: str) -> None:
    st.text_input(
        "Base URL", value=config.base_url, key=f"{fields}.url", placeholder=config.url
    )  # trusted: an attribute, never markdown
    st.caption(
        f"Its key is in the variable {label(config.key_env, 60)}, named on the command line for this address; another address drops it."
        if config.key_env
        else "Another address drops the key: it was entered for this one, and has to be entered again."
    )


def _models(config: ProviderConfig, fields: str) -> None:
    chat, embedding = st.columns(2)
    chat.text_area(
        "Chat models, one a line, the default first", value="\n".join(config.models), key=f"{fields}.models", height=110
    )
    embedding.text_area(
        "Embedding models, one a line", value="\n".join(config.embedding_models), key=f"{fields}.embedding", height=110
    )


def _limits(config: ProviderConfig, fields: str) -> None:
    for column, (part, (title, name)) in zip(st.columns(3), _LIMITS.items(), strict=True):
        _number(column, title, f"{fields}.{part}", getattr(config.limits, name), "no limit", whole=True)
    for column, (part, (title, name)) in zip(st.columns(2), _PER_USER.items(), strict=True):
        _number(column, title, f"{fields}.{part}", getattr(config.per_user, name, None), "no limit", whole=True)


def _of_a_model(bench: Workbench, config: ProviderConfig, fields: str) -> None:
    """Draw window and prices of one model: the user's own where there are any, beside what is known otherwise."""
    cards = {card.name.partition("/")[2]: card for card in bench.gateway.cards(config, visitor())}
    if not cards:
        return
    model = st.selectbox("Window and price of", list(cards), key=f"{fields}.of", format_func=lambda m: visible(m, 60))
    own, key = config.prices.get(model, {}), f"{fields}.{model}"
    _number(
        st,
        "Context window, tokens",
        f"{key}.window",
        config.windows.get(model),
        _known_window(cards[model]),
        whole=True,
    )
    if getattr(cards[model].price, "source", "") == "local":
        st.caption("It runs on a machine of yours: every call is $0.")
        return
    for column, (part, title) in zip(st.columns(4), _PRICES.items(), strict=True):
        _number(column, title, f"{key}.{part}", own.get(part), _known_price(cards[model], part, bool(own)))
    st.caption(
        "USD per million tokens. Empty keeps the price of the list; what you enter is shown as your price and counted from now on."
    )


def _number(place: Any, title: str, key: str, value: float | None, placeholder: str, *, whole: bool = False) -> None:
    """Draw a field that may be empty; one that begins with a value could not be emptied, so that goes in by the session."""
    st.session_state.setdefault(key, value)
    place.number_input(
        title, min_value=1 if whole else 0.0, value=None, key=key, placeholder=placeholder,
        step=1 if whole else 0.05, format="%d" if whole else "%g",
    )  # fmt: skip  # trusted: our own words and figures


def _known_window(card: ModelCard) -> str:
    return f"{card.context_window:,}" if card.context_window else "unknown"


def _known_price(card: ModelCard, part: str, is_own: bool) -> str:
    """Return what holds while the field is empty."""
    usd = None if is_own else getattr(card.price, part, None)
    return "as input" if is_own and part.startswith("cache") else "unknown" if usd is None else f"{usd:g}"


def _save(bench: Workbench, config: ProviderConfig, fields: str) -> None:
    """Keep what was entered once it works; what is refused is said, with everything as it was typed."""
    place, key = TRIAL.format(config.name), _key(fields)
    try:
        wanted = bench.gateway.book.changed(config.name, **_entered(config, fields))
    except RagError as error:
        say("error", f"Nothing was changed. {error}")
        return
    if key and (variable := bench.gateway.keys.configured(wanted)):
        say(
            "error",
            f"Nothing was changed. The key in {variable} goes before one that is entered here; change it there.",
        )
        return
    if _needs_calls(config, wanted, key) and not provider_trial.works(bench, wanted, key, place):
        return
    tried = provider_trial.take(place)
    _keep(bench, config, fields)
    if tried is not None:  # what it took is said beside the provider
        st.session_state[f"settings.trial.{config.name}"] = tried
    st.rerun()


def _wanted(bench: Workbench, config: ProviderConfig, fields: str) -> ProviderConfig | None:
    """Return the provider as it was entered, None as long as that makes no sense."""
    try:
        return bench.gateway.book.changed(config.name, **_entered(config, fields))
    except RagError:
        return None


def _key(fields: str) -> str:
    return str(st.session_state.get(f"{fields}.key") or "")


def _needs_calls(config: ProviderConfig, wanted: ProviderConfig, key: str) -> bool:
    return bool(key) or _asked(wanted) != _asked(config)


def _asked(config: ProviderConfig) -> tuple[str, str, str]:
    """Return what a test of it calls: where, which chat model and which embedding model."""
    return config.url, config.default_model, next(iter(config.embedding_models), "")


def _keep(bench: Workbench, config: ProviderConfig, fields: str) -> None:
    for said in (TRIAL, "settings.trial.{}"):
        st.session_state.pop(said.format(config.name), None)
    try:
        bench.gateway.book.change(config.name, **_entered(config, fields))
    except RagError as error:
        st.session_state["settings.problem"] = f"Nothing was changed. {error}"
        return
    if key := _key(fields):
        take_key(bench, config.name, key, fields)
    forget_typed()


def _entered(config: ProviderConfig, fields: str) -> dict[str, Any]:
    typed = {
        str(key).removeprefix(f"{fields}."): value
        for key, value in st.session_state.items()
        if str(key).startswith(fields)
    }
    embedding = names_in(typed["embedding"] or "")
    limits = {name: typed[part] for part, (_, name) in _LIMITS.items()}
    each = {name: typed[part] for part, (_, name) in _PER_USER.items()}
    changes: dict[str, Any] = {
        "base_url": typed["url"] or "", "models": names_in(typed["models"] or ""), "limits": limits,
        "per_user": {**each, "concurrent": None} if any(each.values()) else None,
        "embedding_models": {model: config.embedding_models.get(model, 0) for model in embedding},
    }  # fmt: skip
    if model := typed.get("of"):
        price = {part: usd for part in _PRICES if (usd := typed.get(f"{model}.{part}")) is not None}
        changes["prices"] = _with(config.prices, model, price)
        changes["windows"] = _with(config.windows, model, typed.get(f"{model}.window"))
    return changes


def _with(values: Any, model: str, value: Any) -> dict[str, Any]:
    """Return the values by model with this one put in, or taken out when it is empty."""
    kept = {**values, model: value}
    return {name: each for name, each in kept.items() if each}


def _forget(bench: Workbench, name: str) -> None:
    bench.gateway.drop_key(name)
    forget_typed()


def _from_its_vendor(bench: Workbench, config: ProviderConfig) -> bool:
    """Tell whether its key is the vendor's usual variable, which nobody can forget here."""
    return bench.gateway.keys.usual(config.kind, config.url)[1]
