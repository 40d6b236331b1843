"""`generate()` and `ask()`: streamed answers with citations, and the conversations that they belong to."""

from rag.generation.answering import generate
from rag.generation.conversation import Again, ask, conversation, conversations, delete_conversation
from rag.generation.stream import AnswerStream
from rag.generation.styles import NO_EXAMPLES, STYLES, schema_problem, written
from rag.generation.suggesting import suggest

__all__ = [
    "NO_EXAMPLES",
    "STYLES",
    "Again",
    "AnswerStream",
    "ask",
    "conversation",
    "conversations",
    "delete_conversation",
    "generate",
    "schema_problem",
    "suggest",
    "written",
]
