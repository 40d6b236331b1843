"""Find a conversation by what was said in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from rag.store.conversations import ConversationInfo, Conversations
from rag.store.schema import turn_words, turns


@dataclass(frozen=True, slots=True)
class Found:
    """A conversation that has the words that were looked for."""

    info: ConversationInfo
    where: str = ""
    """The question of the turn that says most of them; empty when the title says them all."""


def find(engine: sa.Engine, text: str) -> list[Found]:
    """Return the conversations that say all words of `text`, in the title or in any of the questions and answers.

    The one used last comes first. Case does not count, and a part of a word is enough.
    """
    words = list(dict.fromkeys(text.casefold().split()))
    said = _said(engine, words)
    found = []
    for info in Conversations(engine).list():
        missing = {word for word in words if word not in info.title.casefold()}
        turns_of = said[info.id]
        if not missing:
            found.append(Found(info))
        elif missing <= set().union(*(has for _, has in turns_of)):
            question, _ = max(turns_of, key=lambda turn: len(turn[1] & missing))
            found.append(Found(info, question))
    return found


def _said(engine: sa.Engine, words: Sequence[str]) -> dict[str, list[tuple[str, set[str]]]]:
    """Return, by conversation, the question of each turn that says any of the words, with those that it says."""
    found: dict[str, list[tuple[str, set[str]]]] = defaultdict(list)
    if not words:
        return found
    says = [
        sa.func.instr(turn_words.c.words, word) > 0 for word in words
    ]  # no pattern, so no sign means more than itself
    columns = [each.label(f"says{number}") for number, each in enumerate(says)]
    query = sa.select(turns.c.conversation_id, turns.c.question, *columns).join(turn_words).where(sa.or_(*says))
    with engine.connect() as connection:
        for conversation_id, question, *has in connection.execute(query.order_by(turns.c.position)):
            found[conversation_id].append((question, {word for word, here in zip(words, has, strict=True) if here}))
    return found
