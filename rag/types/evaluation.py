"""Labelled questions, how a search did on them, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from rag.types.answers import GenerateOptions
from rag.types.documents import ChunkOptions
from rag.types.search import SearchOptions

Label = Literal["evidence", "absent", "adversarial", "draft"]
"""`evidence`: the documents answer it, at known places. `absent`: nothing here is about it, the right result is nothing.
`adversarial`: the documents are about it and do not answer it, so retrieval is not judged by it. `draft`: not labelled yet."""
EvidenceState = Literal["here", "elsewhere", "replaced", "gone"]
"""`here`: the document is in the collection asked about (or in the library). `replaced`: it is not, but another document of its name
is. `elsewhere`: neither, but the document is in the library; or its evidence is in the version that is here, too. `gone`: deleted."""
Outcome = Literal["answered", "missed", "wrongly_answered", "rejected"]
"""A question with evidence is answered when a hit is right, else missed; one that is not in the documents is rejected when
it has no hits, else wrongly answered."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a document answers a question: a span of its text, or a page. It knows no chunk, so it survives re-chunking."""

    document_id: str
    document_name: str
    """As it was when the label was made: what a label can still say once the document is gone."""
    start: int = 0
    end: int = 0
    page: int = 0
    """1-based; 0 when the evidence is a span."""
    quote: str = field(default="", repr=False)
    """The text of the span, to find it again in another version of the document; empty for a page."""

    def __post_init__(self) -> None:
        if self.page < 0 or (self.page == 0 and not 0 <= self.start < self.end) or (self.page and self.end):
            raise ValueError("evidence is either a span with 0 <= start < end or a page from 1 on")


@dataclass(frozen=True, slots=True)
class LabelledQuestion:
    id: str
    text: str
    label: Label = "draft"
    evidence: tuple[Evidence, ...] = ()
    """Any hit on any of these is right. Of a draft: where a suggestion says that the answer stands, which nobody has confirmed yet."""
    note: str = ""
    """A sentence for the user, such as why an imported row is a draft."""

    def __post_init__(self) -> None:
        if self.label != "draft" and (self.label == "evidence") != bool(self.evidence):
            raise ValueError("a question has evidence exactly when its label says so")


@dataclass(frozen=True, slots=True)
class QuestionSet:
    id: str
    name: str
    questions: tuple[LabelledQuestion, ...]
    created_at: datetime
    updated_at: datetime

    def labelled(self, *labels: Label) -> tuple[LabelledQuestion, ...]:
        """Return the questions with one of these labels, in order."""
        return tuple(question for question in self.questions if question.label in labels)


@dataclass(frozen=True, slots=True)
class QuestionSetInfo:
    """A question set without its questions, but with how many there are of each label."""

    id: str
    name: str
    created_at: datetime
    updated_at: datetime
    evidence: int = 0
    absent: int = 0
    adversarial: int = 0
    drafts: int = 0

    @property
    def questions(self) -> int:
        return self.evidence + self.absent + self.adversarial + self.drafts


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure over a question set. NaN where no question of the set can be measured by it."""

    value: float
    low: float
    high: float
    """Ends of the 95 % interval, by bootstrap over the questions."""
    questions: int
    """How many questions it is the mean of."""


@dataclass(frozen=True, slots=True)
class ScoredHit:
    """A hit of one question of an evaluation, without its text."""

    chunk_id: str
    document_id: str
    start: int
    end: int
    pages: tuple[int, ...]
    rank: int
    score: float
    is_right: bool


AnswerVerdict = Literal["correct", "elsewhere", "contradicted", "not_found", "rejected", "made_up", "failed"]
"""Of a question with evidence: `correct` cites the expected evidence and contradicts no figure of what it cites; `elsewhere` cites
other places; `contradicted` has a figure that its source gives otherwise; `not_found` says that it is not there. Of one without:
`rejected` says so, `made_up` answers it. `failed`: there is no answer."""


@dataclass(frozen=True, slots=True)
class AnswerScore:
    """What a model answered to one question of a set, and what was checked in it."""

    verdict: AnswerVerdict
    text: str = field(default="", repr=False)
    sentences: int = 0
    sentences_supported: int = 0
    figures: int = 0
    figures_supported: int = 0
    citations: int = 0
    citations_right: int = 0
    """Those into a chunk that holds expected evidence."""
    cost_usd: float | None = None
    """None is unknown; 0 for a local model, and for one taken from the cache."""
    failed_usd: float = 0.0
    """What earlier tries took that failed, as far as it is known."""
    failed_unknown: int = 0
    """Those of them whose cost is not known."""
    input_tokens: int = 0
    """Of earlier tries as well, like the output tokens."""
    output_tokens: int = 0
    duration_ms: float | None = None
    cached: bool = False
    note: str = ""
    """Why there is no answer, or how it came about."""

    @property
    def is_correct(self) -> bool:
        return self.verdict in ("correct", "rejected")


@dataclass(frozen=True, slots=True)
class QuestionScore:
    """How a search did on one question."""

    question: LabelledQuestion
    outcome: Outcome
    hits: tuple[ScoredHit, ...]
    best_score: float
    """Highest match score of any candidate; 0 without candidates."""
    values: dict[str, float] = field(default_factory=dict)
    """By the names of `rag.evaluation.MEASURES` and `ANSWER_MEASURES`: those that apply to the question."""
    answer: AnswerScore | None = None
    """When a model was asked as well."""

    @property
    def right_rank(self) -> int | None:
        """Rank of the first right hit."""
        return next((hit.rank for hit in self.hits if hit.is_right), None)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What was searched: enough to tell whether two runs searched the same."""

    collection: str
    embedding_model: str
    options: ChunkOptions
    documents: int
    chunks: int
    digest: str
    """Of the documents' ids, the embedding model and the chunk options: equal digests searched the same chunks."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A kept evaluation without its questions."""

    id: str
    set_id: str
    set_name: str
    title: str
    at: datetime
    fingerprint: Fingerprint
    options: SearchOptions
    """With the threshold filled in."""
    figures: dict[str, Figure]
    """By the names of `rag.evaluation.MEASURES`."""
    sweep_id: str = ""
    """The sweep that it is a part of."""
    costs: dict[str, float] = field(default_factory=dict)
    """What the setting costs: context_characters (mean a question), chunks, embedded_tokens (whole collection),
    latency_ms (mean a question), and cost_usd (embedding the collection) where it is known. Of answers: answers_usd (all), answer_usd
    (mean) and correct_usd (for each correct one), as far as they were paid for and their price is known; unknown_costs; cached;
    answer_ms (mean)."""
    profile: str = ""
    """Name of the profile that the options were taken from, as it was then; empty for options of no profile."""
    answered_by: str = ""
    """PROVIDER/MODEL that answered the questions; empty for a run of search alone."""
    generate: GenerateOptions | None = None
    """How it was asked to answer; None for a run of search alone, and for one of a version that always asked in the built-in way."""
    pending: int = 0
    """Questions that it has not answered yet: the run was stopped, and can go on."""
    threshold_note: str = ""
    """Of a setting of a sweep whose labels recommend no threshold: why, and what it was measured at instead. Empty otherwise."""


@dataclass(frozen=True, slots=True)
class Run:
    """A kept evaluation, question by question."""

    info: RunInfo
    questions: tuple[QuestionScore, ...]


@dataclass(frozen=True, slots=True)
class FeedbackItem:
    """A question whose answer a user judged: a candidate for a question set."""

    id: str
    question: str
    is_good: bool
    """False is a thumbs-down."""
    note: str
    collection: str
    turn_id: str
    """Id of the answer in its conversation."""
    at: datetime
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Model, search and answer options that made the answer."""
