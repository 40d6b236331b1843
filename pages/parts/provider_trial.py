"""Real calls before a provider is kept: shown while they run, remembered while what was entered stays the same, and one press past a failure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages.parts.models import visitor
from pages.parts.safe_text import label, say

if TYPE_CHECKING:
    from rag import Workbench
    from rag.providers.config import ProviderConfig
    from rag.providers.trial import Trial


def works(bench: Workbench, config: ProviderConfig, key: str, place: str, *, again: bool = False) -> bool:
    """Tell whether the provider answers as it was entered: from what is remembered at `place`, or by trying it out now."""
    entered = _print(config, key)
    before, trial = st.session_state.get(place, ("", None))
    if again or before != entered or trial is None or not trial.ok:
        with st.spinner("Asking …"):
            trial = bench.gateway.try_out(config, key=key, user=visitor())
        st.session_state[place] = (entered, trial)
    return bool(trial.ok)


def take(place: str) -> Trial | None:
    """Return what became of the last calls, and forget it."""
    found: Trial | None = st.session_state.pop(place, ("", None))[1]
    return found


def outcome(
    config: ProviderConfig,
    key: str,
    place: str,
    word: str,
    button: str,
    keep: Callable[..., None],
    args: tuple[Any, ...],
) -> None:
    """Say what the calls gave, as long as what was entered is what was called.

    What failed may be kept all the same by the button `word`, for a server that is only down now.
    """
    trial: Trial | None
    entered, trial = st.session_state.get(place, ("", None))
    if trial is None or entered != _print(config, key):
        return
    say("success" if trial.ok else "warning", trial.sentence)
    if trial.models:
        names = ", ".join(model.id for model in trial.models[:40])
        st.caption(f"It offers {len(trial.models)}: {label(names, 1200)}")
    if not trial.ok:
        st.button(label(word), key=button, on_click=keep, args=args)


def _print(config: ProviderConfig, key: str) -> str:
    """Return what tells two entries apart, without the key being readable from it."""
    return hashlib.sha256(f"{config!r}\0{key}".encode()).hexdigest()
