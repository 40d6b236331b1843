"""Ask: a conversation with the documents. The answer streams in; every marker opens the words that it rests on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import streamlit as st

import rag
from pages.parts import answers, passage, shared
from pages.parts.safe_text import Node, draw, el, label, paragraphs, say, visible
from rag import RagError, Workbench

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.generation import AnswerStream
    from rag.store.conversations import Conversation, Turn
    from rag.types import Collection, Hit

ID = "c"  # of the conversation, in the address: it survives a reload, and another tab can follow
LAST = "ask.last"
OPEN = "ask.open"  # "turn:marker" of the citation that was picked
_REDRAW_S = 0.04


def main() -> None:
    bench = shared.open_bench()
    target = shared.collection(bench)
    conversation = _conversation(bench)
    _head(bench, conversation)
    question = st.chat_input(
        f"Ask the documents in {visible(target.name, 40)}", key="ask.question", disabled=not target.chunks
    )
    question = question or st.query_params.get("q")
    if question:
        _ask(bench, target, question, conversation)
        conversation = _conversation(bench)
    if conversation is None:
        _nothing_yet(target)
        return
    chat, evidence = st.columns([1, 1.12], gap="large")
    current = st.session_state.get(OPEN) or _first_citation(conversation)
    with chat:
        _turns(bench, conversation, current)
    with evidence, st.container(key="evidence"):
        _evidence(bench, conversation, current)


# --- the conversation ---


def _conversation(bench: Workbench) -> Conversation | None:
    """Return the conversation in the address, with its turns as the catalog has them."""
    chosen = st.query_params.get(ID)
    if not chosen and "q" not in st.query_params:  # back from another page, which clears the address
        chosen = st.session_state.get(LAST)
    if not chosen:
        return None
    try:
        found = rag.conversation(bench, chosen)
    except RagError as error:
        say("warning", error)
        _leave()
        return None
    st.query_params[ID] = st.session_state[LAST] = chosen
    return found


def _ask(bench: Workbench, target: Collection, question: str, conversation: Conversation | None) -> None:
    """Start the answer in its worker and put the conversation's id into the address."""
    st.session_state.pop(OPEN, None)
    st.query_params.pop("q", None)
    try:
        stream = rag.ask(bench, question, conversation_id=conversation.id if conversation else None, collection=target)
        st.query_params[ID] = stream.conversation_id or ""
    except RagError as error:
        say("warning", error)


def _head(bench: Workbench, conversation: Conversation | None) -> None:
    title, past, new = st.columns([5, 1.4, 1.4], vertical_alignment="bottom")
    title.title("Ask")
    with past.popover("Conversations", icon=":material/history:", width="stretch"):
        known = rag.conversations(bench)[:30]
        for info in known:
            st.page_link(
                shared.page("ask"), label=label(info.title, 70), query_params={ID: info.id},
                disabled=conversation is not None and info.id == conversation.id,
            )  # fmt: skip
        if not known:
            st.caption("None yet.")
        elif conversation is not None:
            st.button("Delete this one", icon=":material/delete:", on_click=_delete, args=(bench, conversation.id))
    new.button("New", icon=":material/add_comment:", width="stretch", on_click=_leave, disabled=conversation is None)


def _delete(bench: Workbench, conversation_id: str) -> None:
    rag.delete_conversation(bench, conversation_id)
    _leave()


def _leave() -> None:
    """Go to an empty conversation."""
    st.query_params.clear()
    for key in (LAST, OPEN):
        st.session_state.pop(key, None)


def _nothing_yet(target: Collection) -> None:
    if not target.chunks:
        shared.empty_state(
            "Nothing to ask yet", "Add documents on Documents first, or load the samples there.", key="ask.empty"
        )
        return
    shared.empty_state(
        "Ask a question about the documents",
        "The answer quotes them: each number in it opens the page it stands on. If they do not say it, you are told so.",
        key="ask.hint",
    )


# --- turns ---


def _turns(bench: Workbench, conversation: Conversation, current: str) -> None:
    """Draw what was said, then follow the answer that is being written."""
    live = _live(bench, conversation)
    said = [answers.turn(t.question, t.answer, t.stream_id, current) for t in conversation.turns if not _is(t, live)]
    if live is None and conversation.turns:
        said += _nearest(bench, conversation.turns[-1])
    draw(*said, key="ask.turns", on_pick=_open)
    if live is not None:
        _follow(live)


def _is(turn: Turn, live: AnswerStream | None) -> bool:
    return live is not None and turn.stream_id == live.id


def _live(bench: Workbench, conversation: Conversation) -> AnswerStream | None:
    stream = bench.answers.get(conversation.turns[-1].stream_id) if conversation.turns else None
    return stream if stream is not None and not stream.done else None


def _follow(stream: AnswerStream) -> None:
    """Show the text as it comes. Whatever ends this page run, the worker goes on; only Stop ends the answer."""
    draw(el("section.turn", el("div.question", stream.question)), key="ask.asked")
    st.button("Stop", key="ask.stop", icon=":material/stop:", on_click=stream.stop)
    slot = st.container(key="ask.running").empty()
    text, drawn = "", 0.0
    for piece in stream.tail():
        text += piece
        if time.monotonic() - drawn >= _REDRAW_S:
            slot.markdown(paragraphs(text))
            drawn = time.monotonic()
    st.rerun()


def _nearest(bench: Workbench, turn: Turn) -> list[Node]:
    """Return the nearest misses of a question that was not answered, while its search is still known."""
    stream = bench.answers.get(turn.stream_id)
    if stream is None or stream.result is None or turn.answer is None or turn.answer.finish != "not_found":
        return []
    return answers.nearest(bench, stream.result.near_misses[:3], stream.result.terms, turn.stream_id)


# --- the evidence ---


def _open(pick: str) -> None:
    st.session_state[OPEN] = pick


def _first_citation(conversation: Conversation) -> str:
    """Return what to show before anything was picked: what the newest answer rests on first."""
    newest = conversation.turns[-1] if conversation.turns else None
    citations = newest.answer.citations if newest and newest.answer else ()
    return f"{newest.stream_id}:{citations[0].marker}" if newest and citations else ""


def _evidence(bench: Workbench, conversation: Conversation, current: str) -> None:
    """Show the open citation at its place in the document, beside the chat."""
    shown = _opened(bench, conversation, current)
    if shown is None:
        draw(
            el("div.empty.slim", el("p", "Press a number to see the page that it stands on.")), key="ask.evidence.hint"
        )
        return
    passage.show(bench, shown, key="ask.passage")


def _opened(bench: Workbench, conversation: Conversation, pick: str) -> passage.Passage | None:
    turn_id, _, what = pick.partition(":")
    turn = next((t for t in conversation.turns if t.stream_id == turn_id), None)
    if turn is None:
        return None
    for citation in turn.answer.citations if turn.answer else ():
        if str(citation.marker) == what:
            return passage.of_citation(citation)
    stream = bench.answers.get(turn_id)
    misses: Sequence[Hit] = stream.result.near_misses if stream is not None and stream.result else ()
    return next((passage.of_hit(h) for h in misses if h.chunk.id == what), None)


main()
