"""Earlier conversations: find, open, rename, delete, and take one along as Markdown or as a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

import rag
from pages.parts import export, shared
from pages.parts.safe_text import draw, el, label, visible
from rag import Workbench

if TYPE_CHECKING:
    from rag.store.conversations import Conversation, ConversationInfo, Turn

_SHOWN = 30


def menu(
    bench: Workbench, now: Conversation | None, *, on_open: Callable[[str], None], on_leave: Callable[[], None]
) -> None:
    """Draw what stands behind the Conversations button."""
    known = rag.conversations(bench)
    if not known:
        st.caption("None yet.")
        return
    wanted = st.text_input("Find", key="ask.find", placeholder="Words of the title", label_visibility="collapsed")
    words = wanted.casefold().split()
    found = [info for info in known if all(word in info.title.casefold() for word in words)]
    asked_of = bench.turns.models([info.id for info in found[:_SHOWN]])
    rows = [
        el(
            "li",
            el(
                "button.choice.current" if now is not None and info.id == now.id else "button.choice",
                el("span.strong", visible(info.title, 70)),
                el(
                    "span.muted",
                    f"{visible(info.collection, 30)} · {shared.count(info.turns, 'question')} · {_when(info, asked_of.get(info.id, ''))}",
                ),
                data_pick=info.id,
            ),
        )
        for info in found[:_SHOWN]
    ]
    more = (
        f"{len(found) - _SHOWN} more; narrow them down."
        if len(found) > _SHOWN
        else ""
        if found
        else "None has these words."
    )
    draw(el("ul.choices", *rows), el("p.muted", more), key="ask.past", on_pick=on_open)
    if now is not None:
        _this_one(bench, now, on_leave)


def _when(info: ConversationInfo, model: str) -> str:
    """Return when a conversation was asked last, and of which model: questions alone do not tell them apart."""
    return shared.moment(info.updated_at) + (f" · {visible(model, 40)}" if model else "")


def _this_one(bench: Workbench, now: Conversation, on_leave: Callable[[], None]) -> None:
    """Rename, export or delete the open conversation."""

    def rename() -> None:
        bench.rename_conversation(now.id, st.session_state[name])

    def delete() -> None:
        rag.delete_conversation(bench, now.id)
        on_leave()

    name = f"ask.title.{now.id}"
    st.text_input("Title of this one", value=now.title, key=name, max_chars=120, on_change=rename)
    _take_along(bench, now)
    st.button("Delete this one", icon=":material/delete:", on_click=delete, width="stretch")
    st.caption(f"Asked of {label(now.collection, 40)}.")


def take_answer(bench: Workbench, now: Conversation, turn: Turn) -> None:
    """Offer one answer as an HTML file and as Markdown."""
    alone = replace(now, title=turn.question, turns=(turn,))
    _files(bench, alone, "ask.take")


def _take_along(bench: Workbench, now: Conversation) -> None:
    """Offer the conversation as Markdown and as one HTML file with its quotes, page pictures and checks."""
    _files(bench, now, "ask")
    if len(now.turns) > 1:
        last = now.turns[-1]
        st.download_button(
            "Report of the last answer alone", lambda: rag.reporting.report(bench, now, turn_id=last.stream_id),
            file_name=rag.reporting.report_name(last.question), mime="text/html", width="stretch",
            icon=":material/lab_profile:", key="ask.report.last", on_click="ignore",
        )  # fmt: skip


def _files(bench: Workbench, now: Conversation, key: str) -> None:
    """Draw the two downloads of a conversation."""
    name = rag.reporting.report_name(now.title)
    left, right = st.columns(2)
    left.download_button(
        "Report .html", lambda: rag.reporting.report(bench, now), file_name=name, mime="text/html", width="stretch",
        icon=":material/lab_profile:", key=f"{key}.report", on_click="ignore", type="primary",
        help="One file to hand on: answers, quotes, pictures of the pages, checks, settings and cost. Nothing in it loads or runs.",
    )  # fmt: skip
    right.download_button(
        "Save as .md", lambda: export.conversation(bench, now), file_name=export.file_name(now.title), mime="text/markdown",
        icon=":material/download:", width="stretch", key=f"{key}.export", on_click="ignore",
    )  # fmt: skip
