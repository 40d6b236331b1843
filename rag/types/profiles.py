"""Settings under a name: tuned on Search, used by Ask."""

from __future__ import annotations

from dataclasses import dataclass, field

from rag.types.answers import GenerateOptions
from rag.types.search import SearchOptions


@dataclass(frozen=True, slots=True)
class Profile:
    name: str
    search: SearchOptions = field(default_factory=SearchOptions)
    generate: GenerateOptions = field(default_factory=GenerateOptions)
    is_default: bool = False
    """Ask takes it when none is chosen; at most one is."""
