"""The settings of the Search page in its address: a link reproduces the screen, and so does a reload.

They are read when the page is first opened in a session, and written once the sliders rest. What a link does not say is as in its
profile, so that a setting is written when it is not the built-in one, or not the profile's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import streamlit as st

from pages.parts import ab, controls, profiles, tuning
from pages.parts.newest import packed, script
from rag import SearchOptions, Workbench

if TYPE_CHECKING:
    from rag.types import Collection, Profile, QuestionSet

_READ = "search.address.read"
_SHORT = 12  # characters of a document's id that tell it apart
_LONGEST_QUESTION = 2_000
_keeper = st.components.v2.component("workbench.address", js=script("address.js"))


def _page(text: str) -> int | None:
    return int(text) if text else None


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


_ALWAYS = ("mode", "similarity_threshold", "top_k", "weight")
_PARAMETERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "mode": ("mode", str),
    "t": ("similarity_threshold", float),
    "k": ("top_k", int),
    "w": ("weight", float),
    "d": ("mmr", float),
    "n": ("neighbours", int),
    "pool": ("pool", int),
    "exact": ("exact", lambda text: text == "1"),
    "pf": ("page_from", _page),
    "pt": ("page_to", _page),
    "af": ("added_from", _day),
    "at": ("added_to", _day),
}


def read(bench: Workbench, target: Collection) -> None:
    """Put what the link says into the session, before the widgets are drawn; what it says wrongly is passed over."""
    if _READ in st.session_state:
        return
    st.session_state[_READ] = True
    linked = st.query_params.to_dict()
    options = profiles.chosen(bench).search
    for short, (name, parse) in _PARAMETERS.items():
        try:
            value = parse(linked[short])
            options = replace(options, **{name: controls.within(name, value) if name in controls.SPANS else value})
        except (KeyError, ValueError):
            continue
    if "only" in linked:
        wanted = tuple(filter(None, linked["only"].split(",")))
        known = (document.id for document in bench.catalog.documents(target.id)) if wanted else ()
        options = replace(options, document_ids=tuple(i for i in known if i.startswith(wanted)))
    if "tag" in linked:
        options = replace(options, tags=tuple(filter(None, st.query_params.get_all("tag"))))
    controls.put(bench, target, options)
    profiles.applied(profiles.chosen(bench).name)
    st.session_state[ab.OTHER] = linked.get("vs", "")  # what is not there any more is passed over where it is drawn
    if "set" in linked:
        infos = tuning.question_sets(bench).list()
        st.session_state[tuning.SET] = next((info.id for info in infos if info.name == linked["set"]), "")


def fitting(question: str) -> str:
    """Return the question as the address can hold it: nothing of one so long that no server would take the address."""
    return question if len(question) <= _LONGEST_QUESTION else ""


def keep(
    target: Collection, question: str, options: SearchOptions, chosen: QuestionSet | None, profile: Profile, other: str, *,
    is_everybodys: bool,
) -> None:  # fmt: skip
    """Write the settings on screen into the address."""
    said: list[tuple[str, str]] = [
        ("q", fitting(question)),
        ("collection", target.name),
        ("set", chosen.name if chosen else ""),
    ]
    said = [pair for pair in said if pair[1]]
    if not is_everybodys:
        said.append((profiles.PROFILE, profile.name))
    base = controls.as_shown(target, profile.search)
    for short, (name, _) in _PARAMETERS.items():
        value = getattr(options, name)
        if name in _ALWAYS or value != getattr(controls.BUILT_IN, name) or value != getattr(base, name):
            said.append((short, _text(value)))
    if options.document_ids or base.document_ids:
        said.append(("only", ",".join(document_id[:_SHORT] for document_id in options.document_ids)))
    if options.tags or base.tags:
        said += [("tag", tag) for tag in options.tags or ("",)]
    if other:
        said.append(("vs", other))
    _keeper(key="search.address", data=packed("search.address", ["search", urlencode(said)]))


def _text(value: object) -> str:
    """Return a value as `_PARAMETERS` reads it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:.2f}" if isinstance(value, float) else str(value)
