"""Start an answer: to a new question, or one more to a question that was asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

import streamlit as st

import rag
from pages.parts import chat, models, shared
from pages.parts.turn_bar import PENDING, Pending
from pages.parts.turn_dialogs import BESIDE
from rag import GenerateOptions, RagError, SearchOptions, Workbench

if TYPE_CHECKING:
    from rag.store.conversations import Conversation
    from rag.types import Collection

ID = "c"  # of the conversation, in the address: it survives a reload, and another tab can follow
INPUT = "ask.question"  # session key of the field
_UNSENT = "ask.unsent"  # (question, why it was not asked), for the run that follows
_ASKED = "ask.asked"  # (question, id of its answer, of its conversation) until the address says so
OPEN = "ask.open"  # "turn:marker" of the citation that was picked


@dataclass(frozen=True, slots=True)
class Settings:
    """What the head of the page says."""

    target: Collection
    search: SearchOptions
    generate: GenerateOptions
    profile: str


def put_back() -> str:
    """Put a question that was not asked back into the field, which is drawn after this; return why, empty without any."""
    question, why = st.session_state.pop(_UNSENT, ("", ""))
    if question:
        st.session_state[INPUT] = question
    return str(why)


def keep_back(question: str, why: object) -> NoReturn:
    """Ask nothing, and let the run that follows give the question back."""
    st.session_state[_UNSENT] = (question, str(why))  # before the address: writing that may end this run
    st.query_params.pop("q", None)
    st.rerun()


def ask(bench: Workbench, question: str, conversation: Conversation | None, settings: Settings) -> None:
    """Start the answer in its worker and put the conversation's id into the address.

    Every write to the address is a place where another event may end this run. So the question is asked first and remembered, and
    the run that follows only writes what is missing, rather than losing the question or asking it twice.
    """
    asked_before, started, talk = st.session_state.get(_ASKED, ("", "", ""))
    if asked_before == question == st.query_params.get("q"):
        _to_address(started, talk)
        return
    if lost := st.session_state.get(shared.LOST_COLLECTION):
        keep_back(question, lost)
    _start(bench, question, conversation.id if conversation else None, settings, None, is_new=True)


def _to_address(started: str, talk: str) -> None:
    st.session_state[chat.NEW] = started
    st.query_params[ID] = talk
    st.query_params.pop("q", None)
    st.session_state.pop(_ASKED, None)


def again(bench: Workbench, conversation: Conversation, settings: Settings) -> bool:
    """Start the answer that a press asked for; False when none did."""
    pending: Pending | None = st.session_state.pop(PENDING, None)
    if pending is None:
        return False
    try:
        target = rag.generation.collection_of(bench, rag.generation.turn(bench, pending.again.turn_id))
    except RagError as error:
        keep_back(pending.question, error)
    if not target.chunks:
        keep_back(
            pending.question,
            f"The collection {target.name}, which this was asked of, holds nothing now; add documents to it, or ask another.",
        )
    settings = _as_then(bench, pending, target, settings)
    options = settings.generate
    options = replace(
        options, model=pending.model or options.model, use_cache=False if not pending.model else options.use_cache
    )
    stream = _start(bench, pending.question, conversation.id, replace(settings, generate=options), pending.again)
    if pending.again.is_kept:
        st.session_state[chat.NEW] = stream
    else:
        st.query_params[BESIDE] = stream
    return True


def _as_then(bench: Workbench, pending: Pending, target: Collection, settings: Settings) -> Settings:
    """Return the settings for one more answer from the collection that the question was asked of.

    What is written on keeps its own; of another collection than the chosen one, the documents that were looked in are kept.
    """
    record = bench.turns.record(pending.again.turn_id)
    if pending.again.goes_on and record:
        return replace(settings, target=target, search=record.search, generate=record.generate)
    search = settings.search
    if target.id != settings.target.id:
        held = set(bench.catalog.document_ids(target.id))
        search = replace(
            search, document_ids=tuple(i for i in record.search.document_ids if i in held) if record else ()
        )
    return replace(settings, target=target, search=search)


def _start(
    bench: Workbench,
    question: str,
    conversation_id: str | None,
    settings: Settings,
    again: rag.generation.Again | None,
    *,
    is_new: bool = False,
) -> str:
    """Return the id of the answer that was started; one that could not be ends the run and gives the question back."""
    st.session_state.pop(OPEN, None)
    try:
        stream = rag.ask(
            bench, question, conversation_id=conversation_id, collection=settings.target, search_options=settings.search,
            generate_options=settings.generate, user=models.visitor(), profile=settings.profile, again=again,
        )  # fmt: skip
    except RagError as error:
        keep_back(question, error)
    if is_new:
        st.session_state[_ASKED] = (question, stream.id, stream.conversation_id or "")
        _to_address(stream.id, stream.conversation_id or "")
    else:
        st.query_params[ID] = stream.conversation_id or ""
    return stream.id
