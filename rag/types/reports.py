"""What became of work that was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from rag.types.usage import Usage

FileStatus = Literal["added", "known", "replaced", "empty", "failed"]


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file of a drop."""

    name: str
    status: FileStatus
    message: str = ""
    """One sentence for the user; says what to do next when the file did not go in."""
    path: str = ""
    document_id: str = ""
    chunks: int = 0
    pages: int = 0
    warnings: tuple[str, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)
    """Milliseconds by step: read, chunk, embed, store, index."""


@dataclass(frozen=True, slots=True)
class IngestReport:
    files: tuple[FileReport, ...]
    collection: str
    usage: Usage
    """Of embedding the files, also of those that failed: as the provider reported it, or estimated."""
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """Whether catalog and index of one collection agree."""

    collection: str
    chunks: int
    vectors: int
    indexed: int
    pending: int
    """Documents whose vectors are not in the index yet."""
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems
