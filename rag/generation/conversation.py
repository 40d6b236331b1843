"""Ask a question as a turn of a conversation: search and answer run in the worker, and the turn is kept from its start."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rag.errors import CollectionNotFoundError, QuestionError
from rag.generation.answering import answer_events, new_stream
from rag.generation.continuing import in_vain
from rag.generation.followup import Rewritten, searchable
from rag.generation.prompting import PastTurn
from rag.generation.routed import routed
from rag.generation.stream import AnswerStream
from rag.generation.titling import title_later
from rag.question import checked_question
from rag.store import finding
from rag.store.conversations import Conversation, ConversationInfo, Conversations, Turn, TurnState
from rag.types import (
    Answer,
    Collection,
    Event,
    Fingerprint,
    Finish,
    GenerateOptions,
    SearchOptions,
    SentEvent,
    TurnRecord,
    Usage,
)

if TYPE_CHECKING:
    from rag.workbench import Workbench

SAVE_EVERY_S = 1.0
"""How much of a long answer a killed process may lose."""
_TITLE_CHARACTERS = 80
_KEPT_MISSES = 5
_BEGINNING = threading.Lock()
"""Held while a turn begins: of two presses at once, one asks and pays."""
_INTERRUPTED = "The workbench stopped while this answer was being written; ask again."
_STATES: dict[Finish, TurnState] = {
    "complete": "complete",
    "not_found": "complete",
    "refused": "complete",
    "length": "partial",
    "stopped": "partial",
    "failed": "failed",
}


@dataclass(frozen=True, slots=True)
class Again:
    """Another answer to a question of the conversation."""

    turn_id: str
    """Of the answer that there is."""
    is_kept: bool = True
    """Let it take the place of that answer; else both are there, and that one goes on to count."""
    goes_on: bool = False
    """Begin with the text of that answer, which was cut off, and go on from there."""


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
    again: Again | None = None,
) -> AnswerStream:
    """Add a turn to a conversation (a new one when None) and return its answer as it is being written.

    The stream's `conversation_id` names the conversation; `profile` names where the options are from, and is kept with the answer.
    With `again` it is one more answer to a question of that conversation. Without a `collection` it is asked of the one that the
    question before was, with `again` of the one that this question was, in a new conversation of the default one. What goes wrong
    after the turn is stored ends the stream as a failed answer. Raises `QuestionError`, `CollectionNotFoundError`, and `StoreError` when conversation or turn are gone.
    """
    question = checked_question(question, bench.settings.question_limit_characters)
    turns = Conversations(bench.catalog.engine)
    earlier = turns.turn(again.turn_id) if again else None
    before = _before(turns.get(conversation_id), earlier.slot if earlier else "") if conversation_id else ()
    target = _target(bench, collection, earlier or (before[-1] if before else None))
    searched: Fingerprint | None = bench.fingerprints.of(target)
    if conversation_id is None:
        conversation_id = uuid.uuid4().hex
        turns.create(conversation_id, _title(question), target.name)
    stream = new_stream(bench, question, generate_options, user)
    stream.conversation_id, stream.profile = conversation_id, profile
    if again and again.goes_on and earlier:
        stream.spent_before, searched = earlier.answer, earlier.searched
    slot, is_kept = (earlier.slot, again.is_kept) if again and earlier else ("", True)
    stream.slot = slot or stream.id
    stream.when_ended(lambda ended, answer: _closed(turns, ended, answer, again))
    stream.when_paid(lambda ended, answer: _paid(turns, ended, answer, again))
    with _BEGINNING:
        if slot and any(other.slot == slot and not other.done for other in bench.answers.values()):
            raise QuestionError("This question is being answered already; wait for that answer, or stop it first.")
        turns.begin_turn(
            conversation_id, stream.id, question, collection=target, searched=searched, slot=slot, is_kept=is_kept
        )
        if stream.spent_before:  # what there is already is lost neither by a failure nor by the end of the process
            turns.save_turn(stream.id, replace(stream.spent_before, error=_INTERRUPTED), "streaming")
        bench.answers[stream.id] = stream
    if not before:
        title_later(bench, stream, conversation_id, _title(question), generate_options.model, user)

    def work(stream: AnswerStream) -> Iterator[Event]:
        _search(bench, stream, target, search_options, generate_options, before, user)
        record = _record(stream, generate_options)
        turns.put_record(stream.id, record)
        if stream.spent_before and again:
            _same_excerpts(stream, turns.record(again.turn_id))
        assert stream.result is not None
        options = generate_options if again else routed(bench, stream, generate_options, user)
        events = answer_events(bench, stream, stream.result, options, user, _past(before), stream.spent_before)
        return _saved_now_and_then(turns, stream, events, record)

    return stream.start(work)


def _target(bench: Workbench, collection: Collection | str | None, before: Turn | None) -> Collection:
    if isinstance(collection, Collection):
        return collection
    return collection_of(bench, before) if collection is None and before else bench.collection(collection)


def collection_of(bench: Workbench, turn: Turn) -> Collection:
    """Return the collection that a turn was asked of; when it was deleted, the one that was made in its place under its name.

    Raises `CollectionNotFoundError` when there is none.
    """
    known = bench.catalog.collections()
    same = [c for c in known if c.id == turn.collection_id] or [c for c in known if c.name == turn.collection]
    if not same:
        raise CollectionNotFoundError(
            f"The collection {turn.collection!r}, which this was asked of, was deleted; choose another and ask the question anew."
        )
    return same[0]


def _before(conversation: Conversation, slot: str) -> tuple[Turn, ...]:
    """Return the turns before a question that is asked again; all of them for a new one."""
    slots = [turn.slot for turn in conversation.turns]
    return conversation.turns[: slots.index(slot)] if slot in slots else conversation.turns


def _past(turns: Sequence[Turn]) -> tuple[PastTurn, ...]:
    """Return what was asked and answered, for a model that goes on with it."""
    return tuple(PastTurn(t.question, t.answer.text) for t in turns if t.answer and t.answer.found)


def _search(
    bench: Workbench,
    stream: AnswerStream,
    target: Collection,
    search_options: SearchOptions,
    generate_options: GenerateOptions,
    before: Sequence[Turn],
    user: str,
) -> None:
    """Search for the question, a follow-up in a form of its own, and leave the result with the stream."""
    from rag import search  # another verb, so through the facade

    wanted = Rewritten(stream.question)
    if generate_options.rewrite:
        questions = [turn.question for turn in before]
        stopping = lambda: stream.stopping  # noqa: E731 - what the rewriting looks at while it waits

        def begun(model: str) -> None:
            stream.rewriting = True
            stream.asks(model)

        wanted = searchable(
            bench, stream.question, _past(before), questions, generate_options.model, user, stopping, begun
        )
        stream.rewriting, stream.rewrite_prompt = False, wanted.prompt
    if wanted.question != stream.question:
        stream.searched_for, stream.rewritten_by = wanted.question, wanted.by
    stream.asks(target.embedding_model)
    stream.result = search(bench, wanted.question, collection=target, options=search_options).as_read()


def _record(stream: AnswerStream, options: GenerateOptions) -> TurnRecord:
    assert stream.result is not None
    found = stream.result
    return TurnRecord(
        found.options, options, stream.searched_for, stream.rewritten_by, found.hits, found.near_misses[:_KEPT_MISSES],
        found.terms, stream.sent, rewriting=stream.rewrite_prompt,
    )  # fmt: skip


def _same_excerpts(stream: AnswerStream, record: TurnRecord | None) -> None:
    """Let the model go on from the excerpts that it had: their numbers are in what it wrote."""
    if stream.result is not None and record is not None and record.sent is not None:
        stream.result = replace(stream.result, hits=record.sent.hits)


def _closed(turns: Conversations, stream: AnswerStream, answer: Answer, again: Again | None) -> None:
    """Keep an answer that has ended; one that it goes on with is part of it now, or counts again when nothing was added to it."""
    turns.save_turn(stream.id, answer, _STATES[answer.finish])
    record = turns.record(stream.id) if answer.steps else None
    if record is not None and stream.result is not None:  # a research found more than the first search
        turns.put_record(stream.id, replace(record, hits=stream.result.hits))
    if again and again.goes_on and (before := stream.spent_before):
        if len(answer.text) > len(before.text):
            turns.take_in(again.turn_id, stream.id)
        else:
            turns.give_up(stream.id, again.turn_id, in_vain(before, answer))


def _paid(turns: Conversations, stream: AnswerStream, answer: Answer, again: Again | None) -> None:
    """Put what a stopped answer took where it was kept, or where it was given up."""
    before, unknown = stream.spent_before, stream.answer
    assert unknown is not None
    if again and again.goes_on and before and len(answer.text) <= len(before.text):
        turns.put_answer(again.turn_id, in_vain(before, answer), instead_of=in_vain(before, unknown))
    else:
        turns.put_answer(stream.id, answer, instead_of=unknown)


def _saved_now_and_then(
    turns: Conversations, stream: AnswerStream, events: Iterator[Event], record: TurnRecord
) -> Iterator[Event]:
    """Pass the events on; keep what is sent, and every `SAVE_EVERY_S` the text so far in case the process is killed."""
    saved = time.monotonic()
    for event in events:
        yield event
        if isinstance(event, SentEvent):
            turns.put_record(stream.id, replace(record, sent=event.sent))
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
        cost_usd=0.0 if stream.is_free else None,
        label=stream.label,
        error=_INTERRUPTED,
        profile=stream.profile,
    )


def conversations(bench: Workbench) -> list[ConversationInfo]:
    """Return all conversations, the one used last first."""
    return Conversations(bench.catalog.engine).list()


def conversation(bench: Workbench, conversation_id: str) -> Conversation:
    """Return a conversation with its turns; raises `StoreError` when it was deleted.

    A turn that nobody writes any more although it never ended reads as partial, one that is being written has no answer yet.
    """
    found = Conversations(bench.catalog.engine).get(conversation_id)
    return replace(found, turns=tuple(_as_it_is(bench, turn) for turn in found.turns))


def turn(bench: Workbench, turn_id: str) -> Turn:
    """Return one answer with its question, kept or not, as `conversation` does. Raises `StoreError`."""
    return _as_it_is(bench, Conversations(bench.catalog.engine).turn(turn_id))


def find_conversations(bench: Workbench, text: str) -> list[finding.Found]:
    """Return the conversations that say all words of `text`, the one used last first; all of them without any word."""
    return finding.find(bench.catalog.engine, text)


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
        return replace(turn, answer=None)  # what is saved of it is for the case of a crash, and says that it was one
    return replace(turn, state=_STATES[live.answer.finish], answer=live.answer)  # ended, but could not be saved


def _lost(turn: Turn) -> Answer:
    return Answer("", (), False, "", "failed", Usage(), None, error=_INTERRUPTED)


def _title(question: str) -> str:
    """Return the question on one line, cut between words."""
    line = " ".join(question.split())
    if len(line) <= _TITLE_CHARACTERS:
        return line
    return line[:_TITLE_CHARACTERS].rsplit(" ", 1)[0] + " …"
