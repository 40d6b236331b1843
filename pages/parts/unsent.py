"""A question that is typed and not sent stays in its field when another page is looked at, or the page is loaded anew."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_keeper = st.components.v2.component("workbench.unsent", js=(Path(__file__).parent / "unsent.js").read_text("utf-8"))


def keep() -> None:
    """Keep what is in the page's field for questions. Call it once, where the field is drawn."""
    _keeper(key="ask.unsent.keeper")
