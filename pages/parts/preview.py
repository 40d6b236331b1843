"""How files would be cut, before anything is stored: their chunks in the text, redrawn as the sliders move."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import streamlit as st

import rag
from pages.parts import chunk_view, embedding_models, job_view, shared
from pages.parts.live_slider import live_slider
from pages.parts.options import told_apart
from pages.parts.safe_text import draw, el, label, say, visible
from rag import ChunkOptions, RagError, Upload, Workbench
from rag.errors import DocumentError

if TYPE_CHECKING:
    from rag.types import Collection

    Add = Callable[[Workbench, Sequence[Upload], Collection, Sequence[Upload]], None]
    """Called with the files that go in, and with those that cannot."""

_READ_AT_ONCE = 20  # files of a drop that are read before the page stands


@st.fragment
def show(bench: Workbench, target: Collection, files: Sequence[Upload], *, add: Add) -> None:
    """Draw the chunks of one file as the sliders move; only this part of the page reruns."""
    try:
        target = bench.catalog.collection(target.name)  # documents may have come in since the page was drawn
    except RagError as error:
        say("error", error)
        return
    st.subheader("How the text will be cut")
    controls, sheet = st.columns([1, 2.3], gap="large")
    read = _read(bench, target, files)
    refused = {place: found.problem for place, found in enumerate(read) if found.problem}
    labels = told_apart({i: f"{'✕ ' if i in refused else ''}{file.name}" for i, file in enumerate(files)}, 120)
    with controls:
        picked = st.selectbox(
            shared.count(len(files), "file"),
            range(len(files)),
            index=next((i for i in range(len(files)) if i not in refused), 0),
            key="preview.file",
            format_func=labels.get,
        )
        options = _chunk_options(target)
        _offer(bench, target, files, options, add, read=read)  # above what grows, so that it is in sight
        if refused and len(files) > 1:
            head = f"{shared.count(len(refused), 'file')} cannot go in:"
            draw(
                el("small", head, el("ul", *(el("li", visible(s, 300)) for s in refused.values()))),
                key="preview.refused",
            )
    try:
        with st.spinner("Reading…"):
            found = rag.preview(bench, files[picked or 0], options, collection=target)
    except RagError as error:
        with sheet:
            say("warning", f"{error} It will be left out; other files are not affected.")
    else:
        _draw_preview(found, options, controls, sheet)


@dataclass(frozen=True, slots=True)
class _Read:
    """What reading a file of the drop told."""

    problem: str = ""
    """Why it cannot go in; empty when it can."""
    tokens: int = 0
    """About how many go to the provider of the collection's embedding model, cut as the collection is; 0 where it has none."""


def _read(bench: Workbench, target: Collection, files: Sequence[Upload]) -> list[_Read]:
    """Return what reading the files told, in their order.

    Every file is read once a drop, and only the first ones: the rest are read when they are added, and told then.
    """
    known: dict[object, _Read] = st.session_state.get("preview.read", {})
    remote = (target.id, target.options, target.documents) if embedding_models.is_remote(target.embedding_model) else ()
    keys = [(file.name, hash(file.data), remote) for file in files[:_READ_AT_ONCE]]
    found = {key: known.get(key) or _read_one(bench, target, file) for key, file in zip(keys, files, strict=False)}
    st.session_state["preview.read"] = found
    return [found[key] for key in keys]


def _read_one(bench: Workbench, target: Collection, file: Upload) -> _Read:
    try:
        found = rag.preview(bench, file, target.options, collection=target)
    except DocumentError as error:
        return _Read(str(error))
    except RagError:  # not the file's fault
        return _Read()
    if not found.chunks:
        return _Read(f"{visible(file.name)} has no text to search.")
    if not embedding_models.is_remote(target.embedding_model) or bench.catalog.has_document(
        target.id, found.document.id
    ):
        return _Read()
    return _Read(tokens=rag.ingestion.estimate_texts(bench, target.embedding_model, [c.text for c in found.chunks]))


def _chunk_options(target: Collection) -> ChunkOptions:
    kept = target.options
    size = live_slider(
        "Chunk size", key=f"preview.size.{target.id}", low=40, high=400, step=10, value=kept.chunk_size_tokens, unit=" tokens",
        mark=kept.chunk_size_tokens, mark_title="what this collection uses",
    )  # fmt: skip
    overlap = live_slider(
        "Overlap", key=f"preview.overlap.{target.id}", low=0, high=size // 2, step=5, value=kept.overlap_tokens, unit=" tokens",
        mark=min(kept.overlap_tokens, size // 2), mark_title="what this collection uses",
    )  # fmt: skip
    return ChunkOptions(int(size), int(overlap))


def _draw_preview(found: Any, options: ChunkOptions, controls: Any, area: Any) -> None:
    sheets = chunk_view.sheets(found.document)
    with area:
        head, pager = st.columns([1.15, 1], vertical_alignment="bottom")
        with pager, st.container(horizontal=True, horizontal_alignment="right"):
            first = chunk_view.first_sheet_with_text(found.document, sheets) + 1
            number = st.pagination(
                len(sheets), default=first, key=f"preview.sheet.{found.document.id[:12]}.{len(sheets)}"
            )
        start, end = sheets[number - 1]
        with head:
            draw(chunk_view.legend(options.overlap_tokens > 0), key="preview.legend")
        draw(*chunk_view.drawn(found.document, found.chunks, found.tokens, (start, end)), key="preview.sheet")
    shown = [c.index for c in found.chunks if c.start < end and start < c.end]
    with controls:
        shared.facts(
            ("chunks", f"{len(found.chunks):,}"),
            ("tokens, median", f"{median(found.tokens):.0f}" if found.tokens else "–"),
            ("pages", f"{len(found.document.pages):,}"),
            key="preview.facts",
        )
        draw(
            chunk_view.sizes(
                found.tokens, options.chunk_size_tokens, (min(shown, default=0), max(shown, default=-1) + 1)
            ),
            el("small.muted", "Tokens of each chunk; the shown ones stand out."),
            key="preview.sizes",
        )
        for warning in found.document.warnings:
            st.caption(f":material/info: {label(warning, 300)}")


def _offer(
    bench: Workbench,
    target: Collection,
    files: Sequence[Upload],
    options: ChunkOptions,
    add: Add,
    *,
    read: Sequence[_Read],
) -> None:
    """Offer to add the files with what is on screen; a filled collection keeps the options it was made with."""
    bad = [file for file, found in zip(files, read, strict=False) if found.problem]
    good = [file for place, file in enumerate(files) if place >= len(read) or not read[place].problem]
    if not good:
        st.button("Nothing here can be added", width="stretch", key="preview.nothing", disabled=True)
        return
    embedding_models.sent_to(bench, target, _cut_by(options, target, read), len(files) - len(read))
    what = shared.count(len(good), "document")
    if options == target.options or _may_change(bench, target):
        if st.button(
            f"Add {what} to {label(target.name, 30)}",
            type="primary",
            icon=":material/add:",
            width="stretch",
            key="preview.add",
        ):
            ready = _with_options(bench, target, options)
            if ready is not None:
                add(bench, good, ready, bad)
            st.rerun()
        return
    kept = target.options
    made_with = f"{kept.chunk_size_tokens} tokens and {kept.overlap_tokens} overlap"
    st.caption(
        f"**{label(target.name, 40)}** {'was' if target.documents else 'is being'} made with {made_with}. "
        "All its chunks are made alike, so other options go into a new collection."
    )
    proposed = f"{target.name} {options.chunk_size_tokens}/{options.overlap_tokens}"
    name = st.text_input("New collection", proposed, key=f"preview.name.{proposed}", max_chars=60)
    if st.button(
        "Add to the new collection", type="primary", icon=":material/add:", width="stretch", key="preview.add_to_new"
    ):
        try:
            made = bench.create_collection(name.strip(), options=options, embedding_model=target.embedding_model)
        except RagError as error:
            say("warning", error)
            return
        add(bench, good, made, bad)
        shared.choose(made.name)
        st.rerun()
    if st.button(f"Add to {label(target.name, 30)} as it is", width="stretch", key="preview.add_as_is"):
        add(bench, good, target, bad)
        st.rerun()


def _cut_by(options: ChunkOptions, target: Collection, read: Sequence[_Read]) -> int:
    """Return the tokens of the files that were read, cut by other options than the collection's: more overlap is more to send."""
    ours, theirs = ((o.chunk_size_tokens - o.overlap_tokens) / o.chunk_size_tokens for o in (options, target.options))
    return round(sum(found.tokens for found in read) * theirs / ours)


def _may_change(bench: Workbench, target: Collection) -> bool:
    """Tell whether the collection may take other options: it holds nothing, and nothing is on its way into it."""
    return not target.documents and job_view.working_on(bench, target.id, "ingest", "build") is None


def _with_options(bench: Workbench, target: Collection, options: ChunkOptions) -> Collection | None:
    """Return the collection as it is now, with these options; None when it can no longer take them.

    What the page knew of it may be old: another visitor may have filled it, or be about to.
    """
    now = bench.catalog.collection(target.name)
    if options == now.options:
        return now
    return bench.catalog.set_options_if_empty(now.name, options) if _may_change(bench, now) else None
