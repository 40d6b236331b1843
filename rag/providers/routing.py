"""Which model a task goes to: small ones for simple tasks, the large one for hard ones, and the reason in words.

The rule is shown to the user and can be overridden for a task or altogether.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

SETTING: Final = "routing"
"""Key of what the user changed of the rule: fields of `Routing` but `chosen`; what is not there is as it is made."""

Task = Literal["title", "rewrite", "check", "answer"]
SIMPLE: Final[tuple[Task, ...]] = ("title", "rewrite", "check")


@dataclass(frozen=True, slots=True)
class Routing:
    """The models to choose from, as PROVIDER/MODEL. An empty one stands for the chosen model."""

    chosen: str
    """What the user picked for answers."""
    small: str = ""
    large: str = ""
    long_tokens: int = 30_000
    """A prompt from this size on counts as long."""
    many_documents: int = 12
    """Excerpts from this many documents on count as many."""
    overrides: Mapping[str, str] = field(default_factory=dict)
    """Task to model: goes before the rule."""
    is_on: bool = True
    """Off: every task goes to the chosen model, but for those in `overrides`; no title is written."""
    titles: bool = True
    """Let the small model write the title of a conversation."""


@dataclass(frozen=True, slots=True)
class Choice:
    model: str
    reason: str
    """A sentence for the screen."""


def choose(task: Task, routing: Routing, *, prompt_tokens: int = 0, documents: int = 0) -> Choice:
    """Return the model for a task.

    >>> choose("title", Routing("a/big", small="a/small")).model
    'a/small'
    >>> choose("answer", Routing("a/big", large="a/huge"), prompt_tokens=50_000).reason
    'The prompt is long (about 50,000 tokens), so it goes to the large model.'
    """
    if model := routing.overrides.get(task):
        return Choice(model, f"You chose this model for the task {task!r} in the settings.")
    if not routing.is_on:
        return Choice(routing.chosen, "Every task goes to the model that you chose.")
    if task in SIMPLE:
        if routing.small:
            return Choice(routing.small, f"The task {task!r} is simple, so it goes to the small model.")
    elif routing.large and prompt_tokens >= routing.long_tokens:
        return Choice(
            routing.large, f"The prompt is long (about {prompt_tokens:,} tokens), so it goes to the large model."
        )
    elif routing.large and documents >= routing.many_documents:
        return Choice(routing.large, f"The excerpts are from {documents} documents, so it goes to the large model.")
    return Choice(routing.chosen, "It goes to the model that you chose.")
