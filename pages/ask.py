"""Ask: a conversation with the documents. The answer streams in; every marker opens the words that it rests on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

import rag
from pages.parts import answers, evidence, models, past, profiles, research, shared
from pages.parts.live_answer import follow
from pages.parts.safe_text import Node, draw, el, say, visible
from rag import RagError, Workbench

if TYPE_CHECKING:
    from rag.generation import AnswerStream
    from rag.store.conversations import Conversation, Turn
    from rag.types import Collection, Profile

ID = "c"  # of the conversation, in the address: it survives a reload, and another tab can follow
LAST = "ask.conversation"
OPEN = "ask.open"  # "turn:marker" of the citation that was picked
AGAIN = "ask.again.question"


def main() -> None:
    bench = shared.open_bench()
    target = shared.collection(bench)
    conversation = _conversation(bench)
    offered = models.choices(bench)
    model = models.chosen(bench, offered)
    profile = _head(bench, conversation, offered, model)
    question = st.chat_input(
        f"Ask the documents in {visible(target.name, 40)}", key="ask.question", disabled=not target.chunks
    )
    question = question or st.query_params.get("q") or st.session_state.pop(AGAIN, None)
    if question:
        _ask(bench, target, question, conversation, model.name, profile)
        conversation = _conversation(bench)
    _before(bench, target, model, profile)
    if conversation is None:
        _nothing_yet(target)
        return
    chat, beside = st.columns([1, 1.12], gap="large")
    current = st.session_state.get(OPEN) or evidence.first(conversation)
    with chat:
        _turns(bench, conversation, current)
    with beside, st.container(key="evidence"):
        evidence.show(bench, conversation, current)


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


def _ask(
    bench: Workbench, target: Collection, question: str, conversation: Conversation | None, model: str, profile: Profile
) -> None:
    """Start the answer in its worker and put the conversation's id into the address."""
    st.session_state.pop(OPEN, None)
    st.query_params.pop("q", None)
    try:
        stream = rag.ask(
            bench, question, conversation_id=conversation.id if conversation else None, collection=target,
            search_options=profile.search, generate_options=replace(profile.generate, model=model, research=research.is_on(bench, model)),
            user=models.visitor(),
            profile=profile.name,
        )  # fmt: skip
        st.query_params[ID] = stream.conversation_id or ""
    except RagError as error:
        say("warning", error)


def _head(
    bench: Workbench, conversation: Conversation | None, offered: list[models.Choice], model: models.Choice
) -> Profile:
    title, how, which, earlier, new = st.columns([1.7, 1.9, 2.2, 1.6, 1], vertical_alignment="bottom")
    title.title("Ask")
    with how:
        profile = profiles.picker(bench)
        profiles.to_address(bench, profile)
    with which:
        models.picker(bench, offered, model)
    with earlier.popover("Conversations", icon=":material/history:", width="stretch"):
        past.menu(bench, conversation, on_open=_go_to, on_leave=_leave)
    new.button("New", icon=":material/add_comment:", width="stretch", on_click=_leave, disabled=conversation is None)
    return profile


def _before(bench: Workbench, target: Collection, model: models.Choice, profile: Profile) -> None:
    """Say, before anything is asked, what it will cost; and when the model that was wanted cannot answer."""
    if problem := st.session_state.get("ask.model.problem"):
        say("warning", problem)
    profiles.said()
    if target.chunks:
        line, beside = st.columns([3.4, 4.9], vertical_alignment="center")
        with beside:
            searches = research.switch(bench, model)
        about = models.cost_line(bench, target, model, profile.search.top_k)
        with line:
            draw(el("small.muted", research.limit_line(bench, model.name) if searches else about), key="ask.cost")


def _go_to(conversation_id: str) -> None:
    _leave()
    st.query_params[ID] = conversation_id


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
    """Draw what was said, the newest turn as an element of its own: it is drawn in one place while it is written and after."""
    if not conversation.turns:
        return
    *earlier, last = conversation.turns
    said = [answers.turn(t.question, t.answer, t.stream_id, current) for t in earlier]
    draw(*said, key="ask.turns", on_pick=_open)
    slot, live = st.empty(), _live(bench, last)
    if live is not None:
        follow(live, lambda body: [answers.asked(live.question, body)], slot, key="ask.last")
        return
    shown = [answers.turn(last.question, last.answer, last.stream_id, current), *_beside_the_answer(bench, last)]
    with slot:
        draw(*shown, key="ask.last", on_pick=_open)
    _offer_again(last)


def _live(bench: Workbench, turn: Turn) -> AnswerStream | None:
    stream = bench.answers.get(turn.stream_id)
    return stream if stream is not None and not stream.done else None


def _offer_again(turn: Turn) -> None:
    """Offer to ask once more what was not answered to the end."""

    def again() -> None:
        st.session_state[AGAIN] = turn.question

    if turn.answer is not None and answers.is_cut_short(turn.answer):
        st.button("Ask again", key="ask.again", icon=":material/refresh:", on_click=again)


def _beside_the_answer(bench: Workbench, turn: Turn) -> list[Node]:
    """Return what the search found beyond the citations, while it is still known: the uncited, or the nearest misses."""
    stream = bench.answers.get(turn.stream_id)
    if stream is None or stream.result is None or turn.answer is None:
        return []
    if turn.answer.finish == "not_found":
        return answers.nearest(bench, stream.result.near_misses[:3], stream.result.terms, turn.stream_id)
    return answers.uncited(stream.result.hits, turn.answer, turn.stream_id)


def _open(pick: str) -> None:
    st.session_state[OPEN] = pick


main()
