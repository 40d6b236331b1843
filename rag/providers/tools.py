"""Calls with tools: the model asks, we run, it goes on, for a bounded number of turns, on both wire formats alike.

A tool that fails, does not exist or is called with arguments that do not fit its schema is not an end: the model hears of it and may
do better. In the last turn the model may call nothing more and has to answer.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from rag.errors import RagError, StoppedError
from rag.providers.calls import Call
from rag.providers.messages import CallEnd, Message, Request, Result, StreamEvent, Tool, ToolCall
from rag.providers.structured import misfits
from rag.types import Stop, never

log = logging.getLogger(__name__)

MOST_TURNS: Final = 8
MOST_BAD_CALLS: Final = 2  # in a row: the first one and one try to mend it
_RESULT_LIMIT: Final = 20_000  # characters of one result that the model gets to read


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of one tool call; an event between the turns."""

    call: ToolCall
    text: str = field(repr=False)
    is_error: bool = False


def converse(
    request: Request,
    start: Callable[[Request], Call],
    *,
    most_turns: int = MOST_TURNS,
    enough: Callable[[Request], bool] = lambda request: False,
    stop: Stop = never,
) -> Iterator[StreamEvent | ToolResult]:
    """Yield the events of every turn and each tool's result; the last event is the `CallEnd` of the answer.

    `start` begins one call. `enough` is asked before each and may make it the last one, in which no tool can be called any more.
    Tools run in the thread that reads. Raises `ProviderError`; asked to stop, the `CallEnd` says "stopped".
    """
    tools = {tool.name: tool for tool in request.tools}
    bad = 0
    for turn in range(1, most_turns + 1):
        is_last = turn == most_turns or bad >= MOST_BAD_CALLS or enough(request)
        result = yield from _turn(start(replace(request, tool_choice="none") if is_last else request), stop)
        if is_last or not result.tool_calls or result.finish == "stopped":
            yield CallEnd(result)
            return
        results = []
        for call in result.tool_calls:
            if stop():
                yield CallEnd(replace(result, finish="stopped"))
                return
            results.append(run(call, tools))
            yield results[-1]
        bad = bad + 1 if all(r.is_error for r in results) else 0
        request = replace(request, messages=(*request.messages, result.message, *_told(results)))


def _turn(call: Call, stop: Stop) -> Generator[StreamEvent, None, Result]:
    """Yield the events of one call but its end; return its result."""
    for event in call:
        if stop():
            call.stop()
        if isinstance(event, CallEnd):
            return event.result
        yield event
    return call.result


def _told(results: Sequence[ToolResult]) -> list[Message]:
    return [Message("tool", r.text, tool_call_id=r.call.id, is_error=r.is_error) for r in results]


def run(call: ToolCall, tools: Mapping[str, Tool]) -> ToolResult:
    """Run one call. Whatever goes wrong is a result that the model can read; nothing runs on arguments that do not fit."""
    tool = tools.get(call.name)
    if tool is None or tool.run is None:
        return ToolResult(call, f"There is no tool {call.name!r}; there are: {', '.join(tools)}.", True)
    arguments, problem = _arguments(call, tool)
    if problem:
        return ToolResult(call, problem, True)
    try:
        return ToolResult(call, str(tool.run(**arguments))[:_RESULT_LIMIT])
    except StoppedError:
        raise
    except RagError as error:
        return ToolResult(call, str(error), True)
    except Exception:
        log.exception("the tool %s failed", call.name)
        return ToolResult(call, f"The tool {call.name} failed; go on without it.", True)


def _arguments(call: ToolCall, tool: Tool) -> tuple[dict[str, Any], str]:
    try:
        arguments = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError) as error:
        return {}, f"The arguments of {call.name} are not JSON ({error}); call it again with valid JSON."
    problems = misfits(arguments, tool.schema)
    if problems or not isinstance(arguments, dict):
        return {}, f"The arguments of {call.name} do not fit ({'; '.join(problems[:3])}); call it again with others."
    return arguments, ""
