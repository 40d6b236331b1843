"""The settings on screen beside a profile or another collection, on the same question: which hits entered, left and moved."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

import rag
from pages.parts import controls, fetching, hits, profiles
from pages.parts.options import told_apart
from pages.parts.safe_text import Node, draw, el, say, visible
from pages.parts.shared import count, pages_text
from rag import RagError, SearchOptions, Workbench

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pages.parts.offered import Offered
    from rag.evaluation import Pair
    from rag.types import Collection, Hit, Profile, SearchResult

OTHER = "search.compare"
"""What is compared with: "" for nothing, "profile:NAME" (no name: the built-in settings) or "collection:NAME"."""
_WORDS = {"stayed": "stayed", "moved": "moved", "left": "only left", "entered": "only right"}


def chooser(known: Sequence[Profile], offer: Offered) -> str:
    """Let the user choose what to compare with."""
    names = {"": "Nothing", "profile:": profiles.BUILT_IN}
    names |= {f"profile:{p.name}": f"Profile {p.name}" for p in known}
    names |= {f"collection:{name}": f"Collection {name}" for name in offer.collections}
    labels = told_apart(names)
    if st.session_state.get(OTHER) not in names:  # also when it was deleted in another tab
        st.session_state[OTHER] = ""
    chosen: str = st.selectbox(
        "Compare with", list(names), key=OTHER, format_func=lambda value: labels.get(value, "deleted"), persist_state="session",
        help="Shows which hits enter, leave and move, on the question above.",
    )  # fmt: skip
    return chosen


def show(bench: Workbench, target: Collection, result: SearchResult, other: str) -> None:
    """Draw both results side by side; the left one is what the sliders say."""
    kind, _, name = other.partition(":")
    try:
        second = bench.catalog.collection(name) if kind == "collection" else target
        options = _options(bench, target, second, result.options, kind, name)
        found, _ = fetching.candidates(bench, second, result.question, options, side=".compared")
        right = rag.rank(found, options)
    except RagError as error:
        say("warning", error)
        return
    rows = rag.evaluation.pairs(result, right)
    draw(
        _counts(rows), el("div.pairs", _head(result, "On screen"), el("span"), _head(right, _title(kind, name))),
        *(_row(bench, pair, result, right) for pair in rows), _lines(result, right), key="search.compared",
    )  # fmt: skip


def _options(
    bench: Workbench, target: Collection, second: Collection, now: SearchOptions, kind: str, name: str
) -> SearchOptions:
    """Return the settings of the right side. Another embedding model has another scale, so its collection's own threshold."""
    if kind == "profile":
        return controls.as_shown(target, bench.profiles.get(name).search if name else controls.BUILT_IN)
    same_scale = second.embedding_model == target.embedding_model
    return controls.as_shown(second, now if same_scale else replace(now, similarity_threshold=None))


def _title(kind: str, name: str) -> str:
    return f"{kind.capitalize()} {visible(name, 50)}" if name else profiles.BUILT_IN


def _head(result: SearchResult, title: str) -> Node:
    o = result.options
    weight = f" {o.weight:.2f}" if o.mode == "hybrid" else ""
    diverse = f" · diversity {o.mmr:.2f}" if o.mmr else ""
    filters = controls.active(o, controls.FILTERS)
    only = f" · {count(filters, 'filter')}" if filters else ""
    return el(
        "div.side-head",
        el("span.strong", title),
        el("span.muted", f"{visible(result.collection.name, 40)} · {o.mode}{weight} · top {o.top_k}{diverse}{only}"),
        el("span.limit", f"threshold {result.threshold:.2f}"),
    )


def _counts(rows: tuple[Pair, ...]) -> Node:
    """Return what changed as chips; the same hits in the same order are said in words."""
    counted = rag.evaluation.changes(rows)
    if rows and counted["stayed"] == len(rows):
        return el("div.row.ab-sum", el("span.chip.good", "The same hits in the same order."))
    chips = [el(f"span.chip.{kind}", f"{number} {_WORDS[kind]}") for kind, number in counted.items() if number]
    return el("div.row.ab-sum", *chips)


def _row(bench: Workbench, pair: Pair, left: SearchResult, right: SearchResult) -> Node:
    return el(
        f"div.pairs.ab-row.{pair.change}",
        _side(bench, pair.left, left, pair.change != "entered"), _between(pair), _side(bench, pair.right, right, pair.change != "left"),
    )  # fmt: skip


def _between(pair: Pair) -> Node:
    if pair.change == "moved":
        up = pair.risen > 0
        return el("span.move.up" if up else "span.move.down", f"{'▲' if up else '▼'} {abs(pair.risen)}")
    sign, title = {
        "stayed": ("=", "same rank"),
        "left": ("gone", "only on the left"),
        "entered": ("new", "only on the right"),
    }[pair.change]
    return el(f"span.move.{pair.change}", sign, title=title)


def _side(bench: Workbench, hit: Hit | None, result: SearchResult, is_hit: bool) -> Node:
    if hit is None:
        return el("div.ab-side.none", el("span.muted", "not among the candidates"))
    head = el(
        "div.head",
        el("span.place", f"{hit.rank}"),
        el("span.name.clip", visible(hit.document_name)),
        el("span.muted", pages_text(hit.chunk.pages)),
        el("span.score", f"{hit.score:.2f}"),
    )
    meter = el(
        "span.meter.long",
        el("span.fill.total", w=round(100 * hit.score, 1)),
        el("span.tick", l=round(100 * result.threshold, 1)),
    )
    if not is_hit:
        why = hits.short_text(hit) if hit.short_by > 0 else f"beyond top {result.options.top_k}"
        return el("div.ab-side.none", head, meter, el("span.chip.warn", why))
    return el("div.ab-side", head, meter, hits.excerpt(hit, result.terms))


def _lines(left: SearchResult, right: SearchResult) -> Node:
    """Return the two thresholds as lines under the hits, with what is just below them."""
    return el("div.pairs", _line(left), el("span"), _line(right))


def _line(result: SearchResult) -> Node:
    below = count(len(result.near_misses), "near miss", "near misses")
    return el("div.threshold", el("span", f"threshold {result.threshold:.2f}"), el("span.muted", f"{below} below"))
