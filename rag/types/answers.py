"""An answer, the citations it rests on, what was checked in it, and the events that it arrives in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from rag.types.search import Hit, SearchOptions
from rag.types.usage import Paid, Usage

Finish = Literal["complete", "stopped", "not_found", "length", "refused", "failed"]
SentenceVerdict = Literal["supported", "partly", "not_found", "no_citation"]
FigureVerdict = Literal["supported", "contradicted", "not_found"]
FigureKind = Literal["number", "percent", "money", "date", "name", "quantity"]
STYLE_NAMES = ("brief", "detailed", "steps", "quotes", "json")


@dataclass(frozen=True, slots=True)
class GenerateOptions:
    model: str = "local/extractive"
    """PROVIDER/MODEL."""
    max_passages: int = 3
    """Passages that the extractive answerer quotes."""
    max_output_tokens: int = 2048
    fallbacks: tuple[str, ...] | None = None
    """Models that stand in when `model` fails, in order; None takes the order of the settings, () none."""
    use_cache: bool = True
    """Take an answer that was given before to the same prompt, free of charge."""
    style: str = "detailed"
    """How the answer shall be written: one of `STYLE_NAMES`, which `rag.generation.styles` spells out."""
    instruction: str = ""
    """In place of the style's own; empty takes that."""
    examples: str = ""
    """In place of the style's own, as `styles.written` writes them; empty takes those, "-" sends none."""
    schema: str = ""
    """JSON schema in place of the style's own; empty takes that. Read by a style that has one."""
    rewrite: bool = True
    """Search for a follow-up question in a form that can be understood without the conversation."""
    research: bool = False
    """Let the model search and read by itself before it answers."""
    research_turns: int = 8
    """Calls of the model in one research, the answer included."""
    research_tokens: int = 80_000
    """Tokens in and out of all of them together."""
    research_usd: float = 0.25
    """Cost of all of them together; not held where the price is unknown."""

    def __post_init__(self) -> None:
        if self.style not in STYLE_NAMES:
            raise ValueError(f"unknown style {self.style!r}")
        if min(self.max_passages, self.max_output_tokens, self.research_turns, self.research_tokens) < 1:
            raise ValueError("passages, tokens and turns count from 1")
        if not self.research_usd >= 0:
            raise ValueError("research_usd must be 0 or more")


@dataclass(frozen=True, slots=True)
class Citation:
    """A marker bound to the words it rests on: `document.text[start:end] == quote`."""

    marker: int
    """The number in `[n]`: 1, 2, 3 in the order in which the text cites first."""
    hit: Hit
    quote: str
    start: int
    end: int
    pages: tuple[int, ...]
    at: int | None = None
    """Offset in the answer's text of the marker that it is bound to; None when only the number binds it."""


WORKED_OUT = "worked out: "
"""Begins `FigureCheck.found_as` of a figure that no source has and that was computed from others."""


@dataclass(frozen=True, slots=True)
class FigureCheck:
    """A number, date or name of an answer, looked up in the cited chunks. Offsets are into the answer's text."""

    start: int
    end: int
    text: str
    kind: FigureKind
    verdict: FigureVerdict
    found_as: str = ""
    """How the chunk says it, or what it says instead when that contradicts; empty when nothing like it stands there."""
    marker: int | None = None
    """Number of the hit that `found_as` stands in."""


@dataclass(frozen=True, slots=True)
class SentenceCheck:
    """A sentence of an answer held against the chunks that it cites. Offsets are into the answer's text."""

    start: int
    end: int
    verdict: SentenceVerdict
    where: int | None = None
    """Number of another hit that says it, when the cited ones do not; what nothing cites is numbered after what is, by rank."""
    figures: tuple[FigureCheck, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckSummary:
    """Counts of an answer's checks; as text the line that stands under it."""

    sentences: int = 0
    sentences_supported: int = 0
    figures: int = 0
    figures_supported: int = 0

    @classmethod
    def of(cls, checks: tuple[SentenceCheck, ...]) -> CheckSummary:
        figures = [figure for check in checks for figure in check.figures]
        return cls(
            sentences=len(checks),
            sentences_supported=sum(check.verdict == "supported" for check in checks),
            figures=len(figures),
            figures_supported=sum(figure.verdict == "supported" for figure in figures),
        )

    def __str__(self) -> str:
        """Return e.g. "11 of 12 sentences and 9 of 9 figures, dates and names supported"; empty when nothing was checked."""
        counts = (
            (self.sentences_supported, self.sentences, "sentence", "sentences"),
            (self.figures_supported, self.figures, "figure, date or name", "figures, dates and names"),
        )
        parts = [f"{good} of {of} {one if of == 1 else more}" for good, of, one, more in counts if of]
        return f"{' and '.join(parts)} supported" if parts else ""


@dataclass(frozen=True, slots=True)
class ResearchStep:
    """One thing that a model did before it answered."""

    tool: str
    asked: str
    """What was asked of the tool, on one line: a query, a document with pages, an expression."""
    found: str
    """What came of it, as a sentence."""
    is_error: bool = False
    thought: str = ""
    """What the model wrote before it called the tool; empty as a rule."""


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    citations: tuple[Citation, ...]
    found: bool
    model: str
    finish: Finish
    usage: Usage
    """Of all calls that were made for it, a rewriting of the question and attempts that failed included."""
    cost_usd: float | None
    """Of all of them; None when that of any is unknown."""
    label: str = ""
    """Sentence that says what kind of answer this is, e.g. "Extracts, no AI-written answer"."""
    ttft_ms: float | None = None
    duration_ms: float | None = None
    error: str = ""
    cached: bool = False
    """Given before and taken from the response cache, free of charge."""
    note: str = ""
    """Sentence about how it came about: which model stood in, that it was cut off at a limit."""
    checks: tuple[SentenceCheck, ...] = ()
    """One of each sentence that claims something, in order."""
    profile: str = ""
    """Name of the profile that it was searched with; empty for the built-in settings."""
    steps: tuple[ResearchStep, ...] = ()
    """What the model did before it answered, when it was let search by itself."""
    estimated_usd: float | None = None
    """About what it cost where that is not known; None when it is, and when a call has no price."""
    calls: int = 0
    """Requests to providers that were made for it."""

    @property
    def asked_nobody(self) -> bool:
        """Whether nothing was found that a model could have been asked about, although one was chosen."""
        return self.finish == "not_found" and not self.steps and not self.model.startswith("local/")

    @property
    def paid(self) -> Paid:
        return Paid(self.usage, self.cost_usd, self.estimated_usd, self.calls)

    def with_paid(self, paid: Paid) -> Answer:
        """Return the answer with another account of what was taken for it."""
        return replace(
            self,
            usage=paid.usage,
            cost_usd=paid.cost_usd,
            estimated_usd=paid.estimated_usd,
            calls=paid.calls,
        )


@dataclass(frozen=True, slots=True)
class Sent:
    """What a chat model was given for an answer, word for word, and what was left out. It holds no key.

    Of several calls, as in a research, it is what the last one was given; each of them repeats what the ones before it were given.
    """

    model: str
    """PROVIDER/MODEL that was asked."""
    system: str = field(repr=False)
    messages: tuple[tuple[str, str], ...] = field(repr=False)
    """(role, text), oldest first, with the question and its excerpts among them."""
    hits: tuple[Hit, ...] = field(default=(), repr=False)
    """Those whose excerpts were sent: the prompt's `[n]` is `hits[n - 1]`."""
    dropped_hits: tuple[Hit, ...] = field(default=(), repr=False)
    """Those for which there was no room."""
    dropped_turns: int = 0
    """Turns of the conversation, the oldest, for which there was no room."""
    token_estimate: int = 0
    window_tokens: int = 0
    """What the model takes, prompt and answer together."""
    hidden_characters_removed: int = 0
    declared: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """(name, JSON) of what went along beside the messages: tools that may be called, a schema of the answer."""
    calls: tuple[int, ...] = ()
    """How many of the messages each call was given, when there may be several."""
    question_at: int = 0
    """How many messages there are up to the question, itself counted; 0 is all of them."""
    output_tokens: int = 0
    """Kept for the answer; 0 where that was not kept with it."""


@dataclass(frozen=True, slots=True)
class SecondVerdict:
    """What a second model says of a statement. Offsets are into the answer's text."""

    start: int
    end: int
    verdict: SentenceVerdict
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SecondCheck:
    """What a second model says of an answer."""

    model: str
    """PROVIDER/MODEL."""
    verdicts: tuple[SecondVerdict, ...]
    """In the order of the text; a statement that it left out has none."""
    cost_usd: float | None
    usage: Usage
    estimated_usd: float | None = None
    """About what it cost where that is not known, as in `Answer`."""

    def __str__(self) -> str:
        """Return e.g. "11 of 12 statements stand"."""
        good = sum(v.verdict == "supported" for v in self.verdicts)
        return f"{good} of {len(self.verdicts)} statement{'' if len(self.verdicts) == 1 else 's'} stand{'s' if good == 1 else ''}"


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """How an answer came about: enough to show it, judge it, and go on with it."""

    search: SearchOptions
    generate: GenerateOptions
    searched_for: str = ""
    rewritten_by: str = ""
    """PROVIDER/MODEL that wrote `searched_for`; empty when it was made on this machine."""
    hits: tuple[Hit, ...] = field(default=(), repr=False)
    near_misses: tuple[Hit, ...] = field(default=(), repr=False)
    terms: tuple[str, ...] = ()
    sent: Sent | None = None
    """None when no chat model was asked."""
    second: SecondCheck | None = None
    """What a second model says of it; None when none was asked."""
    checking: Paid = field(default_factory=Paid)
    """What all second checks of it took together, those that failed or were stopped included."""
    rewriting: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """(role, text) of what a model was given to put the question in a form to search for; empty when none was asked."""

    @property
    def checked(self) -> Paid:
        """What second checks of it took; where that was not kept, what the last one did."""
        if self.checking.calls or self.second is None:
            return self.checking
        return Paid(self.second.usage, self.second.cost_usd, self.second.estimated_usd, 1)


# Events of an answer stream, in the order in which they happen.


@dataclass(frozen=True, slots=True)
class TextEvent:
    text: str


@dataclass(frozen=True, slots=True)
class CitationEvent:
    citation: Citation


@dataclass(frozen=True, slots=True)
class CheckEvent:
    """A sentence is complete and was checked."""

    check: SentenceCheck


@dataclass(frozen=True, slots=True)
class RetryEvent:
    kind: str
    wait_s: float
    attempt: int


@dataclass(frozen=True, slots=True)
class RestartEvent:
    """The text so far is void; the answer begins again."""

    kind: str


@dataclass(frozen=True, slots=True)
class FallbackEvent:
    from_model: str
    to_model: str


@dataclass(frozen=True, slots=True)
class ToolCallEvent:
    """A tool begins its work; `asked` as in `ResearchStep`."""

    name: str
    asked: str


@dataclass(frozen=True, slots=True)
class StepEvent:
    """A tool has ended."""

    step: ResearchStep


@dataclass(frozen=True, slots=True)
class SentEvent:
    """A chat model is about to be asked."""

    sent: Sent


@dataclass(frozen=True, slots=True)
class EndEvent:
    finish: Finish
    usage: Usage
    model: str = ""
    """PROVIDER/MODEL that answered, when another than the one asked."""
    cost_usd: float | None = None
    """None is unknown. Local models say 0."""
    cached: bool = False
    note: str = ""


Event = (
    TextEvent
    | CitationEvent
    | CheckEvent
    | RetryEvent
    | RestartEvent
    | FallbackEvent
    | ToolCallEvent
    | SentEvent
    | StepEvent
    | EndEvent
)
