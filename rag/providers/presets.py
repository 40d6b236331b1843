"""What differs between providers, as data: addresses, field names, limits, capabilities and the models to start with.

A provider that the user adds by hand ("openai" or "anthropic" with a base URL of its own) gets the careful defaults at the end of each
table; what a server refuses is learned from its reply (`openai_compatible`). Capabilities belong to a provider and the beginning of a
model's name; the first entry that fits holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from rag.providers.messages import Capabilities
from rag.providers.policy import Timeouts

Wire = Literal["openai", "anthropic"]


@dataclass(frozen=True, slots=True)
class Quirks:
    """How an OpenAI-compatible server departs from OpenAI's own."""

    max_tokens_field: Literal["max_completion_tokens", "max_tokens"] = "max_tokens"
    include_usage: bool = True
    """Takes `stream_options`, without which many report no usage."""
    embed_float: bool = True
    """Is asked for plain numbers; OpenAI's own base64 is smaller, but some servers refuse it."""
    embed_texts: int = 64
    """Texts per embedding request."""
    embed_tokens: int = 50_000
    """Tokens per embedding request, all texts together."""
    body: Mapping[str, Any] = field(default_factory=dict)
    """Sent with every request, unless an effort is asked for."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A kind of provider that can be added by its name alone."""

    title: str
    wire: Wire
    base_url: str
    """Empty for any server of that wire: the user enters its address."""
    key_env: str = ""
    """Variable that its own documentation names."""
    is_local: bool = False
    """Runs on the user's machine or network: an explicit price of 0."""
    needs_key: bool = True
    quirks: Quirks = field(default_factory=Quirks)
    small: str = ""
    """Model for simple tasks."""
    answer: str = ""
    large: str = ""
    """Model for long prompts and many documents."""
    embedding: str = ""
    first_byte_s: float = 60.0
    """At the kind's own address: a model may think for long first, and a local server loads it at the first call."""


_LOCAL: Final = Preset("", "openai", "", is_local=True, needs_key=False, first_byte_s=300.0)

PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "openai": Preset(
            "OpenAI", "openai", "https://api.openai.com/v1", "OPENAI_API_KEY",
            quirks=Quirks("max_completion_tokens", embed_float=False, embed_texts=2048, embed_tokens=250_000), first_byte_s=180.0,
            small="gpt-6-luna", answer="gpt-6.1-sol", large="gpt-6.1-sol", embedding="text-embedding-3-small",
        ),
        "anthropic": Preset(
            "Anthropic", "anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY", first_byte_s=180.0,
            small="claude-haiku-5-5", answer="claude-sonnet-5-5", large="claude-opus-5-5",
        ),
        "deepseek": Preset(
            "DeepSeek", "openai", "https://api.deepseek.com", "DEEPSEEK_API_KEY", first_byte_s=180.0,
            quirks=Quirks(body={"thinking": {"type": "disabled"}}),  # on by default: slow, and no better at quoting
            small="deepseek-flash", answer="deepseek-flash", large="deepseek-flash",
        ),
        "cloudflare": Preset(
            "Cloudflare Workers AI", "openai", "https://api.cloudflare.com/client/v4/accounts/ACCOUNT_ID/ai/v1",
            "CLOUDFLARE_API_TOKEN", quirks=Quirks(embed_texts=100),
            small="@cf/zai-org/glm-4.7-flash", answer="@cf/openai/gpt-oss-120b", large="@cf/openai/gpt-oss-120b",
            embedding="@cf/baai/bge-m3",
        ),
        # a gateway, such as a company's, may lead to models that cost: its prices are unknown until somebody enters them
        "openai-compatible": Preset("Other OpenAI-compatible", "openai", "", needs_key=False),
        "anthropic-compatible": Preset("Other Anthropic-compatible", "anthropic", "", needs_key=False),
        "ollama": replace(_LOCAL, title="Ollama", base_url="http://127.0.0.1:11434/v1"),
        "vllm": replace(_LOCAL, title="vLLM", base_url="http://127.0.0.1:8000/v1"),
        "llamacpp": replace(_LOCAL, title="llama.cpp", base_url="http://127.0.0.1:8080/v1"),
        "lmstudio": replace(_LOCAL, title="LM Studio", base_url="http://127.0.0.1:1234/v1"),
    }
)  # fmt: skip

_ANTHROPIC: Final = Capabilities(
    citations=True, prompt_cache="marked", schema="schema", sampling=False, effort=True, counting=True, embeddings=False
)
_OPENAI_REASONING: Final = Capabilities(prompt_cache="automatic", schema="schema", sampling=False, effort=True)
_OPENAI: Final = Capabilities(prompt_cache="automatic", schema="schema")
_COMPATIBLE: Final = Capabilities(schema="object")

_CAPABILITIES: Final[tuple[tuple[str, str, Capabilities], ...]] = (
    ("anthropic", "", _ANTHROPIC),
    ("openai", "gpt-oss", replace(_COMPATIBLE, schema="schema")),
    ("openai", "gpt-3", replace(_OPENAI, schema="object")),
    ("openai", "gpt-4", _OPENAI),
    ("openai", "gpt-", _OPENAI_REASONING),
    ("openai", "o1", _OPENAI_REASONING),
    ("openai", "o3", _OPENAI_REASONING),
    ("openai", "o4", _OPENAI_REASONING),
    ("deepseek", "", replace(_COMPATIBLE, prompt_cache="automatic", embeddings=False)),
    ("cloudflare", "", replace(_COMPATIBLE, schema="schema")),
    ("ollama", "", replace(_COMPATIBLE, schema="schema")),
    ("vllm", "", replace(_COMPATIBLE, schema="schema")),
    ("llamacpp", "", replace(_COMPATIBLE, schema="schema")),
    ("lmstudio", "", replace(_COMPATIBLE, schema="schema")),
    ("anthropic-compatible", "", Capabilities(effort=False, embeddings=False)),
    ("", "", _COMPATIBLE),
)  # fmt: skip


def preset(kind: str) -> Preset:
    """Return the preset of that kind; raises `ValueError` for a kind that is not known."""
    if kind not in PRESETS:
        raise ValueError(f"there is no kind of provider {kind!r}; choose one of {', '.join(PRESETS)}")
    return PRESETS[kind]


def is_own_host(kind: str, base_url: str) -> bool:
    """Tell whether the address is that of the vendor itself, so that the vendor's own rules hold."""
    return urlsplit(base_url).hostname == urlsplit(preset(kind).base_url).hostname


def quirks(kind: str, base_url: str) -> Quirks:
    """Return how to talk to that server: the kind's own at its own address, the careful defaults elsewhere."""
    found = preset(kind)
    return found.quirks if is_own_host(kind, base_url) or found.is_local else Quirks(body=found.quirks.body)


def first_byte_s(kind: str, base_url: str) -> float:
    """Return how long a first byte may take there."""
    found = preset(kind)
    return found.first_byte_s if is_own_host(kind, base_url) or found.is_local else Timeouts().first_byte_s


def capabilities(kind: str, model: str) -> Capabilities:
    """Return what a model of that kind of provider can take; windows and limits come from the price list."""
    return next(c for k, start, c in _CAPABILITIES if k in ("", kind) and model.startswith(start))
