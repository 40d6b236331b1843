"""Ask: a conversation with the documents. The answer streams in; every marker opens the words that it rests on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

import rag
from pages.parts import (
    asked_of,
    asking,
    chat,
    evidence,
    models,
    past,
    profiles,
    research,
    shared,
    style_menu,
    suggested,
    turn_bar,
    turn_dialogs,
    two_answers,
    unsent,
)
from pages.parts.asking import ID, OPEN
from pages.parts.safe_text import draw, el, say, visible
from rag import RagError, Workbench

if TYPE_CHECKING:
    from rag.store.conversations import Conversation
    from rag.types import Collection

LAST = "ask.conversation"


def main() -> None:
    bench = shared.open_bench()
    target = shared.collection(bench)
    conversation = _conversation(bench)
    settings, model = _head(bench, conversation, target)
    said = " ".join(filter(None, (asking.put_back(), st.session_state.pop(turn_bar.SAID, ""))))
    with st.bottom.empty():  # where the eyes are, wherever the page is scrolled to
        if said:
            say("warning", said)
    goes_to = st.bottom.empty()
    question = st.chat_input(
        f"Ask the documents in {visible(target.name, 40)}", key=asking.INPUT, disabled=not target.chunks
    )
    unsent.keep()
    question = question or st.query_params.get("q") or st.session_state.pop(suggested.PICKED, None)
    if question:
        asking.ask(bench, question, conversation, settings)
        two_answers.leave()
        conversation = _conversation(bench)
    elif conversation is not None and asking.again(bench, conversation, settings):
        conversation = _conversation(bench)
    asked_of.notice(conversation, target, goes_to)
    with st.container():  # what may be there or not has a place of its own: what follows stays where it is
        _before(bench, settings, model)
    beginning = (
        st.empty()
    )  # emptied before the long part of a run: a question offered there must not start beside another
    with st.container():
        turn_dialogs.show(bench)
    if conversation is None:
        with beginning.container():
            suggested.show(bench, target)
        return
    current = st.session_state.get(OPEN) or evidence.first(conversation)
    if compared := two_answers.pair(bench, conversation):
        two_answers.show(bench, *compared, current, lambda pick: _picked(bench, pick))
        if OPEN in st.session_state:
            with st.container(key="evidence"):
                evidence.show(bench, compared, current)
        return
    left, beside = st.columns([1, 1.12], gap="large")
    with beside, st.container(key="evidence"):
        evidence.show(bench, conversation.turns, current)
    with left:
        chat.show(bench, conversation, current, lambda pick: _picked(bench, pick))


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


def _head(
    bench: Workbench, conversation: Conversation | None, target: Collection
) -> tuple[asking.Settings, models.Choice]:
    """Draw what is chosen before a question: profile, style and documents, model, conversation."""
    offered = models.choices(bench)
    model = models.chosen(bench, offered)
    title, which_profile, how, which, earlier, new = st.columns(
        [0.8, 1.7, 1.9, 2, 1.6, 0.9], vertical_alignment="bottom"
    )
    title.title("Ask")
    with which_profile:
        profile = profiles.picker(bench)
        profiles.to_address(bench, profile)
    with how:
        search, generate = style_menu.menu(bench, target, profile, model.name)
    with which:
        models.picker(bench, offered, model)
    with earlier.popover("Conversations", icon=":material/history:", width="stretch"):
        past.menu(bench, conversation, on_open=_go_to, on_leave=_leave)
    new.button("New", icon=":material/add_comment:", width="stretch", on_click=_leave, disabled=conversation is None)
    generate = replace(generate, research=research.is_on(bench, model.name))
    return asking.Settings(target, search, generate, profile.name), model


def _before(bench: Workbench, settings: asking.Settings, model: models.Choice) -> None:
    """Say, before anything is asked, what it will cost; and when the model that was wanted cannot answer."""
    if problem := st.session_state.get("ask.model.problem"):
        say("warning", problem)
    profiles.said()
    if settings.target.chunks:
        line, beside = st.columns([3.4, 4.9], vertical_alignment="center")
        with beside:
            searches = research.switch(bench, model)
        about = models.cost_line(bench, settings.target, model, settings.search)
        with line:
            draw(el("small.muted", research.limit_line(bench, model.name) if searches else about), key="ask.cost")


def _picked(bench: Workbench, pick: str) -> None:
    """Hear a press in the conversation: a marker or citation opens its page, the row under an answer does something."""
    if pick.startswith(turn_bar.DO):
        turn_bar.pressed(bench, pick)
    else:
        st.session_state[OPEN] = pick


def _go_to(conversation_id: str) -> None:
    _leave()
    st.query_params[ID] = conversation_id


def _leave() -> None:
    """Go to an empty conversation."""
    st.query_params.clear()
    for key in (LAST, OPEN):
        st.session_state.pop(key, None)


main()
