"""The grid of a sweep: which settings it tries."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from rag.types import ChunkOptions, Mode

MOST_SETTINGS = 500


@dataclass(frozen=True, slots=True)
class Setting:
    """One point of the grid."""

    chunk: ChunkOptions
    embedding_model: str
    mode: Mode
    weight: float
    top_k: int

    @property
    def key(self) -> str:
        """What it is known by within its sweep."""
        parts = (self.chunk.chunk_size_tokens, self.chunk.overlap_tokens, self.embedding_model, self.mode)
        return "|".join(map(str, (*parts, self.weight, self.top_k)))

    @property
    def title(self) -> str:
        overlap = f" + {self.chunk.overlap_tokens}" if self.chunk.overlap_tokens else ""
        how = f"hybrid {self.weight:g}" if self.mode == "hybrid" else self.mode
        model = f" · {self.embedding_model.rpartition('/')[2]}" if self.mode != "keyword" else ""
        return f"{self.chunk.chunk_size_tokens}{overlap} tokens · {how} · top {self.top_k}{model}"


@dataclass(frozen=True, slots=True)
class SweepGrid:
    """The settings of a sweep: every combination of these that differs in effect."""

    chunks: tuple[ChunkOptions, ...] = (ChunkOptions(),)
    embedding_models: tuple[str, ...] = ()
    """Empty takes the collection's own."""
    modes: tuple[Mode, ...] = ("hybrid",)
    weights: tuple[float, ...] = (0.5,)
    """Read in hybrid mode alone."""
    top_ks: tuple[int, ...] = (6,)
    pool: int = 50
    threshold: float | None = None
    """For all settings; None takes for each the one that the labels recommend, because thresholds of different modes and models do
    not compare. Where they recommend none it is the collection's own, and the run says why."""

    def settings(self, own_model: str) -> tuple[Setting, ...]:
        """Return the different settings. Weights are of hybrid mode, and keyword search has no use for a second model."""
        models = self.embedding_models or (own_model,)
        found = [
            Setting(chunk, model, mode, weight if mode == "hybrid" else 0.0, top_k)
            for chunk in self.chunks
            for model in models
            for mode in self.modes
            for weight in self.weights
            for top_k in self.top_ks
            if mode != "keyword" or model == models[0]
        ]
        return tuple(dict.fromkeys(s if model_is_used(s) else replace(s, mode="keyword", weight=0.0) for s in found))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> SweepGrid:
        rest: dict[str, Any] = {key: tuple(each) if isinstance(each, list) else each for key, each in value.items()}
        return cls(**{**rest, "chunks": tuple(ChunkOptions(**each) for each in value["chunks"])})


def model_is_used(setting: Setting) -> bool:
    """Tell whether a setting needs vectors: without an embedding model everything is keyword search."""
    return bool(setting.embedding_model) or setting.mode == "keyword"
