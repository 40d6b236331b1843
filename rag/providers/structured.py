"""Answers that fit a JSON schema: asked for on the wire where the model can, checked here always, mended at most once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from rag.errors import ProviderError
from rag.providers.failures import failure
from rag.providers.messages import Message, Request, Result
from rag.providers.wording import Target

_FENCED: Final = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n\s*```\s*\Z", re.DOTALL)
_PROBLEMS: Final = 5  # told to the model at once


@dataclass(frozen=True, slots=True)
class Structured:
    """A value that fits the schema, and the call or two that it took."""

    value: Any
    results: tuple[Result, ...]

    @property
    def was_repaired(self) -> bool:
        return len(self.results) > 1


def ask_for_json(request: Request, run: Callable[[Request], Result]) -> Structured:
    """Return what the model answers as a value that fits `request.schema`; `run` makes one call.

    Raises what `run` raises, and `ProviderError` when a second answer does not fit either.
    """
    assert request.schema is not None, "a request without a schema has no form to fit"
    asked = replace(request, system=f"{request.system}\n\n{instruction(request.schema)}".strip())
    first = run(asked)
    value, problems = parse(first.text, request.schema)
    if not problems:
        return Structured(value, (first,))
    if first.finish in ("length", "refused"):  # what another try would only repeat
        raise _unfit(first, first.problem)
    second = run(replace(asked, messages=(*asked.messages, first.message, Message("user", _correction(problems)))))
    value, problems = parse(second.text, request.schema)
    if problems:
        raise _unfit(
            second, f"{second.model} did not keep to the form that was asked for; ask again or choose another model."
        )
    return Structured(value, (first, second))


def _unfit(result: Result, sentence: str) -> ProviderError:
    provider, _, model = result.model.partition("/")
    return failure("invalid", sentence, Target(provider, model))


def instruction(schema: Mapping[str, Any]) -> str:
    """Return what a model is told about the form; models that are held to a schema are told too, it does no harm."""
    return f"Answer with one JSON value and nothing else. It must fit this JSON schema:\n{json.dumps(schema)}"


def parse(text: str, schema: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """Return (value, problems): the JSON value in `text`, which may stand in a code fence, and where it breaks the schema."""
    fenced = _FENCED.match(text)
    try:
        value = json.loads(fenced[1] if fenced else text, parse_constant=_refuse)
    except (ValueError, RecursionError):  # the latter of what is nested without end
        return None, ["it is not valid JSON"]
    return value, misfits(value, schema)


def misfits(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """Return where `value` breaks the schema, in words; empty when it fits. A schema is resolved in itself: nothing is loaded for it."""
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # published without types
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    found = Draft202012Validator(dict(schema), registry=Registry()).iter_errors(value)
    try:
        return [f"{e.json_path}: {e.message[:200]}" for e in found][:_PROBLEMS]
    except (Unresolvable, RecursionError, re.error) as error:
        return [f"the schema cannot be applied ({str(error)[:100] or 'it refers to itself without end'})"]


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")


def _correction(problems: list[str]) -> str:
    lines = "\n".join(f"- {problem}" for problem in problems)
    return f"That does not fit the schema:\n{lines}\nAnswer again with the corrected JSON value and nothing else."
