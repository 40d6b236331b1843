"""`generate()` and `ask()`: streamed answers with citations, and the conversations that they belong to."""

from rag.generation.answering import generate
from rag.generation.conversation import (
    Again,
    ask,
    collection_of,
    conversation,
    conversations,
    delete_conversation,
    find_conversations,
    turn,
)
from rag.generation.prompting import system_text
from rag.generation.second_check import offer_second_check, start_second_check
from rag.generation.stream import AnswerStream
from rag.generation.styles import NO_EXAMPLES, STYLES, schema_problem, style_of, written
from rag.generation.suggesting import suggest

__all__ = [
    "NO_EXAMPLES",
    "STYLES",
    "Again",
    "AnswerStream",
    "ask",
    "collection_of",
    "conversation",
    "conversations",
    "delete_conversation",
    "find_conversations",
    "generate",
    "offer_second_check",
    "schema_problem",
    "start_second_check",
    "style_of",
    "suggest",
    "system_text",
    "turn",
    "written",
]
