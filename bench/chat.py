"""How long a conversation of 200 messages takes to open, to redraw, and to show the first word of an answer, in a real browser.

    .venv/bin/python bench/chat.py [--rounds 5] [--json]

A server of its own over the sample documents; the answers are a scripted model's, over real HTTP on this machine. Figures are
milliseconds on the wall, medians with their range; the same is done in a conversation of 2 messages, so that what the length costs
can be told from what the machine was busy with. "First word" counts from the moment at which the provider sent it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import rag  # noqa: E402 - the path has to be there first, so that the bench runs from anywhere
from tests.browser.harness import Server, Visitor, launched, served  # noqa: E402
from tests.faultserver import FaultServer  # noqa: E402

TURNS = 100
QUESTION = "Why was turbine 3 out of service and for how long?"
ANSWER = "\n\n".join(
    f"## Part {n}\n\nThe gearbox of turbine 3 failed on 9 February, when a bearing broke up [1]. It **ran again** on 28 March [1].\n\n"
    f"- The crane arrived on 12 March [1]\n- The insurer paid £131,000 [2]\n\n| Month | MWh |\n|---|---|\n| {n} | 9,000 [2] |"
    for n in range(1, 4)
)
DELAY_S = 0.6  # before the provider's first word
TARGETS_MS = {"open": 1000.0, "open from the list": 1000.0, "first word": 100.0}
FIRST_WORD = """(words) => {
  const roots = [...document.querySelectorAll(".st-key-ask-last *")].filter((e) => e.shadowRoot).map((e) => e.shadowRoot);
  const turn = roots.map((root) => root.querySelector("section.turn")).find((t) => t && t.textContent.includes(words[0]));
  return turn && turn.querySelector(".said") && turn.querySelector(".said").textContent.length > 2 ? Date.now() : false;
}"""


def filled(data: Path, provider: FaultServer) -> dict[int, str]:
    """Make a data folder with a short and a long conversation; return their ids by the number of turns."""
    provider.replies["ok"] = [ANSWER]
    with rag.open_workbench(data) as bench:
        rag.ingest(bench, list(rag.load_samples().uploads))
        models = ("ok", f"slow?s={DELAY_S}")
        gateway = bench.gateway
        gateway.book.add(gateway.configure("fault", base_url=provider.openai_url, key_env="FAULT_KEY", models=models))
        options = rag.GenerateOptions(model="fault/ok")
        stream = rag.ask(bench, QUESTION, generate_options=options)
        answer = stream.wait(60)
        record = bench.turns.record(stream.id)
        long = rag.ask(bench, QUESTION, generate_options=options)
        long.wait(60)
        for number in range(2, TURNS + 1):
            turn_id = f"{number:032x}"
            question = f"Question {number}: {QUESTION}"
            bench.turns.begin_turn(long.conversation_id or "", turn_id, question, collection=bench.collection())
            bench.turns.save_turn(turn_id, replace(answer, duration_ms=1000.0 + number), "complete")
            if record is not None:
                bench.turns.put_record(turn_id, record)
        return {1: stream.conversation_id or "", TURNS: long.conversation_id or ""}


def opened_ms(tab: Visitor, conversation: str) -> float:
    """Return how long it takes from the address to the last answer, in a new tab on a warm server."""
    began = time.perf_counter()
    tab.page.goto(tab.server.address(f"ask?c={conversation}&m=fault/ok"))
    tab.page.locator(".st-key-ask-last .meta").wait_for(timeout=60_000)
    return (time.perf_counter() - began) * 1000


def picked_ms(tab: Visitor, conversation: str) -> float:
    """Return how long it takes from the press in the list of conversations to the last answer."""
    tab.go("ask?m=fault/ok&c=")
    tab.page.get_by_role("button", name="Conversations").click()
    row = tab.page.locator(f'button.choice[data-pick="{conversation}"]')
    row.wait_for(timeout=60_000)
    tab.idle()
    began = time.perf_counter()
    row.click()
    tab.page.locator(".st-key-ask-last .meta").wait_for(timeout=60_000)
    return (time.perf_counter() - began) * 1000


def redrawn_ms(tab: Visitor) -> float:
    """Return how long it takes from pressing a marker to its being the open one."""
    tab.idle()
    row = tab.page.locator(".st-key-ask-last .said button.marker:not(.current)").last
    row.scroll_into_view_if_needed()
    row.hover()
    name = row.get_attribute("data-pick")
    began = time.perf_counter()
    row.click()
    tab.page.locator(f'.st-key-ask-last .said button.marker.current[data-pick="{name}"]').wait_for(timeout=60_000)
    return (time.perf_counter() - began) * 1000


def first_word_ms(tab: Visitor, provider: FaultServer, words: str) -> float:
    """Return how long after the provider sent it the first word of a new answer is on the screen."""
    model = f"slow?s={DELAY_S}"
    provider.replies[model] = ["The gearbox failed [1]. " * 40]
    before = len(provider.exchanges)
    box = tab.page.get_by_test_id("stChatInputTextArea")
    box.fill(f"When did the gearbox of turbine 3 fail ({words})")
    box.press("Enter")
    shown = tab.page.wait_for_function(FIRST_WORD, arg=[f"({words})"], polling="raf", timeout=60_000).json_value()
    asked = next(e for e in provider.exchanges[before:] if e.model == model)
    tab.page.locator(".st-key-ask-last .meta").wait_for(timeout=60_000)
    return float(shown) - (asked.at + DELAY_S) * 1000


def measured(server: Server, provider: FaultServer, conversations: dict[int, str], rounds: int) -> list[dict[str, Any]]:
    """Take turns between the conversations, so that both meet the same neighbours on the machine."""
    times: dict[tuple[int, str], list[float]] = {}
    with launched() as browser:
        window = browser.new_context(viewport={"width": 1280, "height": 900})
        Visitor(browser, server, page=window.new_page()).go("ask")
        for number in range(rounds):
            for turns, conversation in conversations.items():
                stranger = Visitor(browser, server)
                times.setdefault((turns, "open, nothing cached"), []).append(opened_ms(stranger, conversation))
                stranger.page.close()
                tab = Visitor(browser, server, page=window.new_page())
                times.setdefault((turns, "open"), []).append(opened_ms(tab, conversation))
                times.setdefault((turns, "open from the list"), []).append(picked_ms(tab, conversation))
                times.setdefault((turns, "redraw"), []).append(redrawn_ms(tab))
                tab.go(f"ask?c={conversation}&m=fault/slow%3Fs%3D{DELAY_S}")
                times.setdefault((turns, "first word"), []).append(first_word_ms(tab, provider, f"{turns} {number}"))
                tab.page.close()
    return [
        {
            "messages": 2 * turns,
            "what": what,
            "median_ms": round(statistics.median(found), 1),
            "range_ms": [round(min(found), 1), round(max(found), 1)],
        }
        for (turns, what), found in times.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    os.environ["FAULT_KEY"] = "sk-bench-0123456789"
    with TemporaryDirectory() as folder, FaultServer() as provider:
        conversations = filled(Path(folder) / "data", provider)
        with served(Path(folder) / "data") as server:
            rows = measured(server, provider, conversations, arguments.rounds)
    if arguments.json:
        print(json.dumps({"load": os.getloadavg(), "rows": rows}, indent=2))
        return
    print(
        f"Load {', '.join(f'{load:.1f}' for load in os.getloadavg())}\n\n| messages | | median ms | range | aim |\n|---|---|---|---|---|"
    )
    for row in rows:
        aim = TARGETS_MS.get(row["what"])
        met = "" if aim is None else f"≤ {aim:.0f}: {'met' if row['median_ms'] <= aim else 'missed'}"
        low, high = row["range_ms"]
        print(f"| {row['messages']} | {row['what']} | {row['median_ms']:.0f} | {low:.0f}-{high:.0f} | {met} |")


if __name__ == "__main__":
    main()
