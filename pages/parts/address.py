"""The settings of the Search page in its address: a link reproduces the screen, and so does a reload.

They are read when the page is first opened in a session, and written once the sliders rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import streamlit as st

from pages.parts import tuning
from pages.parts.safe_text import packed
from rag import SearchOptions, Workbench

if TYPE_CHECKING:
    from rag.types import Collection, QuestionSet

_READ = "search.address.read"
_SHORT = 12  # characters of a document's id that tell it apart
_SLIDERS = {"t": "threshold", "k": "top_k", "w": "weight"}
_keeper = st.components.v2.component(
    "workbench.address", js=(Path(__file__).parent / "address.js").read_text(encoding="utf-8")
)


def read(bench: Workbench, target: Collection) -> None:
    """Put what the link says into the session, before the widgets are drawn; what it says wrongly is passed over."""
    if _READ in st.session_state:
        return
    st.session_state[_READ] = True
    linked = st.query_params.to_dict()
    for short, name in _SLIDERS.items():
        try:
            st.session_state[tuning.slider_keys(target)[name]] = float(linked[short])
        except (KeyError, ValueError):
            continue
    has_vectors = bool(target.embedding_model)
    if linked.get("mode") in (("hybrid", "semantic", "keyword") if has_vectors else ("keyword",)):
        st.session_state[f"search.mode.{has_vectors}"] = linked["mode"]
    if wanted := tuple(filter(None, linked.get("only", "").split(","))):
        known = (document.id for document in bench.catalog.documents(target.id))
        st.session_state[f"search.documents.{target.id}"] = [i for i in known if i.startswith(wanted)]
    if "set" in linked:
        infos = tuning.question_sets(bench).list()
        st.session_state[tuning.SET] = next((info.id for info in infos if info.name == linked["set"]), "")


def keep(target: Collection, question: str, options: SearchOptions, chosen: QuestionSet | None) -> None:
    """Write the settings on screen into the address."""
    said = {
        "q": question,
        "collection": target.name,
        "set": chosen.name if chosen else "",
        "mode": options.mode,
        "t": f"{options.similarity_threshold or 0:.2f}",
        "k": str(options.top_k),
        "w": f"{options.weight:.2f}",
        "only": ",".join(document_id[:_SHORT] for document_id in options.document_ids),
    }
    _keeper(
        key="search.address", data=packed(["search", urlencode({name: each for name, each in said.items() if each})])
    )
