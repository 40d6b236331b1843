"""`generate()` and `ask()`: streamed answers with citations, and the conversations that they belong to."""

from rag.generation.answering import generate
from rag.generation.conversation import Again, ask, conversation, conversations, delete_conversation
from rag.generation.stream import AnswerStream

__all__ = ["Again", "AnswerStream", "ask", "conversation", "conversations", "delete_conversation", "generate"]
