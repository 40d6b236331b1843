"""The nouns that travel between the verbs.

Frozen values only, no behaviour beyond what a field can tell of itself. Every offset is a 0-based character offset into
`Document.text` with the end exclusive; every page number is 1-based; every vector is float32 of unit length.
"""

from rag.types.answers import (
    Answer,
    CheckEvent,
    CheckSummary,
    Citation,
    CitationEvent,
    EndEvent,
    Event,
    FallbackEvent,
    FigureCheck,
    FigureKind,
    FigureVerdict,
    Finish,
    GenerateOptions,
    RestartEvent,
    RetryEvent,
    SentenceCheck,
    SentenceVerdict,
    TextEvent,
    ToolCallEvent,
)
from rag.types.documents import (
    Chunk,
    ChunkOptions,
    Collection,
    Document,
    DocumentInfo,
    Heading,
    Page,
    Upload,
)
from rag.types.reports import (
    FileReport,
    FileStatus,
    Health,
    IngestReport,
)
from rag.types.search import (
    Candidates,
    Hit,
    Mode,
    Parts,
    SearchOptions,
    SearchResult,
)
from rag.types.stopping import Stop, never
from rag.types.usage import (
    Usage,
    UsageRecord,
    UsageStatus,
)

__all__ = [
    "Answer",
    "Candidates",
    "CheckEvent",
    "CheckSummary",
    "Chunk",
    "ChunkOptions",
    "Citation",
    "CitationEvent",
    "Collection",
    "Document",
    "DocumentInfo",
    "EndEvent",
    "Event",
    "FallbackEvent",
    "FigureCheck",
    "FigureKind",
    "FigureVerdict",
    "FileReport",
    "FileStatus",
    "Finish",
    "GenerateOptions",
    "Heading",
    "Health",
    "Hit",
    "IngestReport",
    "Mode",
    "Page",
    "Parts",
    "RestartEvent",
    "RetryEvent",
    "SearchOptions",
    "SearchResult",
    "SentenceCheck",
    "SentenceVerdict",
    "Stop",
    "TextEvent",
    "ToolCallEvent",
    "Upload",
    "Usage",
    "UsageRecord",
    "UsageStatus",
    "never",
]
