"""The settings of the Search page: where the session keeps each of them, how they become options, and the way back.

Whoever changes settings from outside (a profile, a link, a question of the history) does it with `put`, before the widgets are
drawn or in a callback; whoever wants to know them asks `current`.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from rag import SearchOptions, Workbench

if TYPE_CHECKING:
    from rag.types import Collection, Mode

BUILT_IN = SearchOptions()
FILTERS = ("document_ids", "tags", "page_from", "page_to", "added_from", "added_to")
MORE = ("mmr", "neighbours", "pool", "exact")
SPANS: dict[str, tuple[float, float, float]] = {
    "similarity_threshold": (0, 1, 0.01), "top_k": (1, 30, 1), "weight": (0, 1, 0.05), "mmr": (0, 1, 0.05), "neighbours": (0, 3, 1),
    "pool": (10, 200, 10),
}  # fmt: skip
"""Lowest, highest and step of each slider."""
_DECIMALS = {"similarity_threshold": 2, "weight": 2, "mmr": 2}


def keys(target: Collection) -> dict[str, str]:
    """Return where the session keeps each setting, by its field of `SearchOptions`."""
    own = {
        "mode": f"search.mode.{bool(target.embedding_model)}",
        "similarity_threshold": f"search.threshold.{target.id}",
        "document_ids": f"search.documents.{target.id}",
        "tags": f"search.tags.{target.id}",
    }
    return {field.name: own.get(field.name, f"search.{field.name}") for field in fields(SearchOptions)}


def modes(target: Collection) -> list[Mode]:
    return ["hybrid", "semantic", "keyword"] if target.embedding_model else ["keyword"]


def as_shown(target: Collection, options: SearchOptions) -> SearchOptions:
    """Return options as the page can show them: the collection's own threshold filled in, all as fine as the sliders are."""
    threshold = options.similarity_threshold
    mode = options.mode if options.mode in modes(target) else modes(target)[0]
    full = replace(
        options, mode=mode, similarity_threshold=target.similarity_threshold if threshold is None else threshold,
        document_ids=tuple(sorted(options.document_ids)), tags=tuple(sorted(options.tags)),
    )  # fmt: skip
    full = replace(full, **{name: within(name, getattr(full, name)) for name in SPANS})
    return replace(full, **{name: round(getattr(full, name), digits) for name, digits in _DECIMALS.items()})


def within(name: str, value: float) -> Any:
    """Return a value as near as its slider can go."""
    low, high, _ = SPANS[name]
    return type(value)(min(high, max(low, value)))


def current(target: Collection) -> SearchOptions:
    """Return the settings of this session, the built-in ones where nothing was set."""
    kept: dict[str, Any] = {}
    for name, key in keys(target).items():
        value = st.session_state.get(key)
        if value is not None:
            kept[name] = _as_field(name, within(name, value) if name in SPANS else value)
    try:
        return as_shown(target, SearchOptions(**kept))
    except ValueError:  # a value of another version of the page
        return as_shown(target, BUILT_IN)


def put(bench: Workbench, target: Collection, options: SearchOptions) -> None:
    """Make these the settings of this session; documents and tags that the collection does not hold are left out."""
    shown = as_shown(target, options)
    known = {d.id for d in bench.catalog.documents(target.id)} if shown.document_ids else set()
    used = bench.catalog.tags(target.id) if shown.tags else {}
    for name, key in keys(target).items():
        value = getattr(shown, name)
        if name == "document_ids":
            value = [i for i in value if i in known]
        elif name == "tags":
            value = [tag for tag in value if tag in used]
        st.session_state[key] = value


def ranked_over(options: SearchOptions) -> SearchOptions:
    """Return the part of the options that candidates are fetched for; the rest only ranks what was fetched."""
    return SearchOptions(pool=options.pool, exact=options.exact, **{name: getattr(options, name) for name in FILTERS})


def differences(before: SearchOptions, now: SearchOptions) -> list[str]:
    """Return what differs, in words: "threshold 0.42 → 0.50"."""
    changed = [f.name for f in fields(SearchOptions) if getattr(before, f.name) != getattr(now, f.name)]
    said = [_change(name, getattr(before, name), getattr(now, name)) for name in changed if name not in FILTERS]
    return [*said, "filters"] if any(name in FILTERS for name in changed) else said


def active(options: SearchOptions, names: tuple[str, ...]) -> int:
    """Return how many of these settings are not the built-in ones."""
    return sum(getattr(options, name) != getattr(BUILT_IN, name) for name in names)


_WORDS = {
    "similarity_threshold": "threshold",
    "top_k": "top",
    "mmr": "diversity",
    "neighbours": "neighbouring chunks",
    "exact": "exact search",
}


def _change(name: str, before: object, now: object) -> str:
    return f"{_WORDS.get(name, name)} {_said(before)} → {_said(now)}"


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _as_field(name: str, value: Any) -> Any:
    if name in ("document_ids", "tags"):
        return tuple(value)
    return int(value) if name in ("top_k", "neighbours", "pool", "page_from", "page_to") else value
