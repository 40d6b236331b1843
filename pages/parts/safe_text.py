"""The one way for untrusted text onto the page: document text, file and collection names, questions, answers and error messages.

Streamlit renders most text as markdown, and markdown makes the browser fetch images: a document, a file name or a provider's error
could carry the conversation away with no click. So untrusted text is shown in three ways only:

- `draw` puts it into a tree of elements whose texts become DOM text nodes; nothing in it is ever parsed.
- `label` escapes it for the places that insist on markdown: labels, captions, boxes, the text of a running answer.
- `visible` cleans it for places that show plain text: options of a selectbox, cells of a dataframe.

`tests/pages/test_safe_text.py` holds the rules, `tests/browser` proves them with a hostile document and a listening server.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

import rag
from pages.parts.newest import packed, script

Node = list[Any]
"""`[tag, {attribute: value}, child, …]`; a child is a text or a node. Made by `el`; surface.js lists the names that exist for it."""
el = rag.reporting.el
visible = rag.reporting.visible

LABEL_LIMIT = 120  # characters; a longer name would push everything else off the page
_HERE = Path(__file__).parent
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=\"'@/])")
_JOINER = "\u2060"  # zero width: keeps `:name:`, `://` and `www.` from being recognised after the escapes are gone
_surface = st.components.v2.component(
    "workbench.surface",
    css="".join(sheet.read_text(encoding="utf-8") for sheet in sorted(_HERE.glob("surface*.css"))),
    js=script("surface.js"),
)


def draw(*nodes: Node, key: str, on_pick: Callable[[str], None] | None = None) -> None:
    """Draw a tree of elements as one Streamlit element. Texts in it are shown as they are, never parsed.

    `on_pick` hears the `data_pick` value of a button of the tree that was pressed, before the rerun that follows.
    """

    def picked() -> None:
        value = st.session_state[key].get("pick")
        if on_pick is not None and value is not None:
            on_pick(str(value))

    _surface(key=key, data=packed(key, list(nodes)), on_pick_change=picked)


def redraw(*nodes: Node, key: str, on_pick: Callable[[str], None] | None = None) -> None:
    """Draw a tree again in the same run, in the place of what `draw` put there: for an answer that grows.

    Streamlit holds a key that comes twice in a run for a mistake, and has no way of its own to change a component's data. It
    knows elements by key alone, so in the browser this is the same element with other data, and only what changed is drawn.
    """
    if context := get_script_run_ctx():
        context.shared.widget_user_keys_this_run._data.discard(key)
        taken = context.shared.widget_ids_this_run
        taken._data.difference_update([name for name in taken.snapshot() if name.endswith(f"-{key}")])
    draw(*nodes, key=key, on_pick=on_pick)


def label(text: str, limit: int = LABEL_LIMIT) -> str:
    """Return `visible(text)` escaped for the places that read markdown: what is seen is what was given."""
    return _escape(visible(text, limit))


def paragraphs(text: str) -> str:
    """Return text of several lines escaped for `st.markdown`, its lines kept: for an answer while it is being written."""
    lines = (visible(line, limit=100_000) for line in text.splitlines())
    return "  \n".join(_escape(line) for line in lines)


def _escape(text: str) -> str:
    """Escape every character that means something to markdown, and part the ones that mean something to its extensions."""
    parted = re.sub(r":(?=[\w/])", f":{_JOINER}", text)
    parted = re.sub(r"(?i)\bwww\.", f"www{_JOINER}.", parted)
    return _MARKDOWN.sub(r"\\\1", parted)


Kind = Literal["error", "warning", "info", "success"]


def say(kind: Kind, message: object) -> None:
    """Show one sentence in a box; `message` may be an error that quotes a file name."""
    icon = {"error": ":material/error:", "warning": ":material/warning:", "info": ":material/info:"}
    box = {"error": st.error, "warning": st.warning, "info": st.info, "success": st.success}[kind]
    box(label(str(message), limit=600), icon=icon.get(kind, ":material/check_circle:"))
