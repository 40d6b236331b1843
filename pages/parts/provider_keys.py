"""Keys on the page: entered, kept where the visitor says, and never seen again."""

from __future__ import annotations

import streamlit as st

from pages.parts.models import visitor
from rag import RagError, Workbench


def names_in(text: str) -> tuple[str, ...]:
    """Return the names of a list written with line breaks or commas."""
    parts = (part.strip() for part in text.replace(",", "\n").splitlines())
    return tuple(dict.fromkeys(part for part in parts if part))


def forget_typed() -> None:
    """Give every field a fresh key, so that no typed key stays in the session."""
    for key in [k for k in st.session_state if str(k).endswith((".key", ".passphrase"))]:
        del st.session_state[key]
    st.session_state["settings.saved"] = st.session_state.get("settings.saved", 0) + 1


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


def unlock(bench: Workbench) -> None:
    """Ask for the passphrase when keys are stored and nothing opens them, as after a restart."""
    vault = bench.gateway.keys.vault
    if vault is None or vault.can_store:
        return
    field = f"unlock.{st.session_state.get('settings.saved', 0)}.passphrase"

    def take() -> None:
        try:
            vault.unlock(str(st.session_state.get(field) or ""))
        except RagError as error:
            st.session_state["settings.problem"] = str(error)
        forget_typed()

    st.text_input("Passphrase of the stored keys", type="password", key=field, autocomplete="off")
    st.button("Unlock the keys", key="settings.unlock", icon=":material/lock_open:", on_click=take)
