"""Ask a question as a turn of a conversation: search and answer run in the worker, and the turn is kept from its start."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from rag.generation.answering import answer_events, new_stream
from rag.generation.prompting import PastTurn
from rag.generation.stream import AnswerStream
from rag.question import checked_question
from rag.store.conversations import Conversation, ConversationInfo, Conversations, Turn, TurnState
from rag.types import Answer, Collection, Event, Finish, GenerateOptions, SearchOptions, Usage

if TYPE_CHECKING:
    from rag.workbench import Workbench

SAVE_EVERY_S = 1.0
"""How much of a long answer a killed process may lose."""
_TITLE_CHARACTERS = 80
_INTERRUPTED = "The workbench stopped while this answer was being written; ask again."
_STATES: dict[Finish, TurnState] = {
    "complete": "complete",
    "not_found": "complete",
    "refused": "complete",
    "length": "partial",
    "stopped": "partial",
    "failed": "failed",
}


def ask(
    bench: Workbench,
    question: str,
    *,
    conversation_id: str | None = None,
    collection: Collection | str | None = None,
    search_options: SearchOptions = SearchOptions(),  # noqa: B008 - frozen
    generate_options: GenerateOptions = GenerateOptions(),  # noqa: B008 - frozen
    user: str = "",
    profile: str = "",
) -> AnswerStream:
    """Add a turn to a conversation (a new one when None) and return its answer as it is being written.

    The stream's `conversation_id` names the conversation; `profile` names where the options are from, and is kept with the answer.
    What goes wrong after the turn is stored ends the stream as a
    failed answer. Raises `QuestionError`, `CollectionNotFoundError`, and `StoreError` when the conversation is gone.
    """
    question = checked_question(question, bench.settings.question_limit_characters)
    target = collection if isinstance(collection, Collection) else bench.collection(collection)
    turns = Conversations(bench.catalog.engine)
    if conversation_id is None:
        conversation_id = uuid.uuid4().hex
        turns.create(conversation_id, _title(question), target.name)
    past = _past(turns.get(conversation_id))
    stream = new_stream(bench, question, generate_options)
    stream.conversation_id, stream.profile = conversation_id, profile
    turns.begin_turn(conversation_id, stream.id, question)
    stream.when_ended(lambda ended, answer: turns.save_turn(ended.id, answer, _STATES[answer.finish]))
    bench.answers[stream.id] = stream

    def work(stream: AnswerStream) -> Iterator[Event]:
        from rag import search  # another verb, so through the facade

        stream.result = search(bench, question, collection=target, options=search_options)
        return _saved_now_and_then(
            turns, stream, answer_events(bench, stream, stream.result, generate_options, user, past)
        )

    return stream.start(work)


def _past(conversation: Conversation) -> tuple[PastTurn, ...]:
    """Return what was asked and answered, for a model that goes on with it."""
    return tuple(PastTurn(t.question, t.answer.text) for t in conversation.turns if t.answer and t.answer.found)


def _saved_now_and_then(turns: Conversations, stream: AnswerStream, events: Iterator[Event]) -> Iterator[Event]:
    """Pass the events on, and every `SAVE_EVERY_S` keep the text so far in case the process is killed."""
    saved = time.monotonic()
    for event in events:
        yield event
        if time.monotonic() - saved >= SAVE_EVERY_S and not stream.done:
            turns.save_turn(stream.id, _so_far(stream), "streaming")
            saved = time.monotonic()


def _so_far(stream: AnswerStream) -> Answer:
    """Return what is written of an answer as it shall read should nothing more come."""
    return Answer(
        text=stream.text,
        citations=stream.citations,
        found=bool(stream.text),
        model=stream.model,
        finish="failed",
        usage=Usage(),
        cost_usd=None,
        label=stream.label,
        error=_INTERRUPTED,
        profile=stream.profile,
    )


def conversations(bench: Workbench) -> list[ConversationInfo]:
    """Return all conversations, the one used last first."""
    return Conversations(bench.catalog.engine).list()


def conversation(bench: Workbench, conversation_id: str) -> Conversation:
    """Return a conversation with its turns; raises `StoreError` when it was deleted.

    A turn that nobody writes any more although it never ended reads as partial.
    """
    found = Conversations(bench.catalog.engine).get(conversation_id)
    return replace(found, turns=tuple(_as_it_is(bench, turn) for turn in found.turns))


def delete_conversation(bench: Workbench, conversation_id: str) -> None:
    """Delete a conversation; answers of it that are still being written are stopped first."""
    for stream in bench.answers.values():
        if stream.conversation_id == conversation_id:
            stream.stop()
    Conversations(bench.catalog.engine).delete(conversation_id)


def _as_it_is(bench: Workbench, turn: Turn) -> Turn:
    if turn.state != "streaming":
        return turn
    live: AnswerStream | None = bench.answers.get(turn.stream_id)
    if live is None:
        return replace(turn, state="partial", answer=turn.answer or _lost(turn))
    if live.answer is None:
        return turn
    return replace(turn, state=_STATES[live.answer.finish], answer=live.answer)  # ended, but could not be saved


def _lost(turn: Turn) -> Answer:
    return Answer("", (), False, "", "failed", Usage(), None, error=_INTERRUPTED)


def _title(question: str) -> str:
    """Return the question on one line, cut between words."""
    line = " ".join(question.split())
    if len(line) <= _TITLE_CHARACTERS:
        return line
    return line[:_TITLE_CHARACTERS].rsplit(" ", 1)[0] + " …"
