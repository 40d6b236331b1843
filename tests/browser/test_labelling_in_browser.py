"""Words selected in a hit become evidence: what is stored is what was selected, wherever the excerpt begins and however marks part it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.harness import Server, Visitor, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

Visit = Callable[..., Visitor]
QUESTION = "Who repaired the lighthouse lens at Skerry Point?"
BEFORE = (
    "The harbour office \U0001f6a2 keeps a record of every ship that calls, with its cargo and the names of its crew. "
    * 3
)
ANSWER = "The lighthouse lens at Skerry Point was repaired by Mirja Holm in the spring of 1968."
AFTER = " She used glass from a works in Turku, and the light has burned every night since then."
SPACED = "Repaired nets hang in the lens room   of the   lighthouse at Skerry Point until autumn comes."

_POINTS = """(card, [words, end]) => {
    const shown = [...card.querySelectorAll(".reading")].find((each) => each.getClientRects().length);
    const walk = document.createTreeWalker(shown, NodeFilter.SHOW_TEXT);
    let text = "";
    const nodes = [];
    while (walk.nextNode()) { nodes.push([text.length, walk.currentNode]); text += walk.currentNode.nodeValue; }
    const at = text.indexOf(words) + (end ? words.length - 1 : 0);
    const [start, node] = nodes.filter(([begin]) => begin <= at).pop();
    const range = document.createRange();
    range.setStart(node, at - start);
    range.setEnd(node, at - start + 1);
    const box = range.getClientRects()[0];
    return [end ? box.right - 0.5 : box.left + 0.5, box.top + box.height / 2];
}"""


@pytest.fixture
def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server over two small documents, which begins without labels."""
    import rag

    data = tmp_path_factory.mktemp("labelled") / "data"
    with rag.open_workbench(data) as bench:
        files = [rag.Upload("harbour.txt", (BEFORE + ANSWER + AFTER).encode()), rag.Upload("nets.txt", SPACED.encode())]
        rag.ingest(bench, files)
    with served(data) as server:
        yield server


@pytest.fixture
def searched(visitor: Visit) -> Visitor:
    """Search, with the question asked and the threshold low enough for both hits."""
    return visitor(height=1200).go(f"search?q={QUESTION.replace(' ', '+')}&t=0.05")


def card(tab: Visitor, name: str) -> Locator:
    return tab.page.locator(".card").filter(has_text=name)


def select(tab: Visitor, first: Locator, begin: str, last: Locator, end: str) -> None:
    """Drag from the first letter of some words to the last letter of others."""
    tab.page.mouse.move(*first.evaluate(_POINTS, [begin, False]))
    tab.page.mouse.down()
    tab.page.mouse.move(*last.evaluate(_POINTS, [end, True]), steps=8)
    tab.page.mouse.up()
    tab.page.wait_for_timeout(200)


def stored(server: Server) -> list[tuple[str, str]]:
    """Return quote and document text of each piece of evidence."""
    import rag

    with rag.open_workbench(server.data, read_only=True) as bench:
        sets = rag.evaluation.QuestionSets(bench.catalog.engine)
        pieces = [p for info in sets.list() for q in sets.get(info.id).questions for p in q.evidence]
        return [(p.quote, bench.catalog.document(p.document_id).text[p.start : p.end]) for p in pieces]


def take(hit: Locator) -> Locator:
    return hit.get_by_role("button", name="These words answer it")


@pytest.mark.parametrize("opened", [False, True])
def test_selected_words_are_stored_as_they_stand_in_the_document(
    searched: Visitor, server: Server, opened: bool
) -> None:
    """In the excerpt, which begins in the middle, and in the whole text: across marks, after a letter of two code units."""
    hit = card(searched, "harbour.txt")
    assert hit.locator(".excerpt").inner_text().startswith("…")
    assert not take(hit).is_visible()
    if opened:
        hit.get_by_role("button", name="Show the whole chunk").click()
    select(searched, hit, "lens at Skerry Point was", hit, "Mirja Holm")
    take(hit).click()
    searched.idle(400)
    expected = "lens at Skerry Point was repaired by Mirja Holm"
    assert [(expected, expected)] == stored(server)
    assert "expected in 1 place" in searched.text("search-results") and not take(hit).is_visible()


def test_spaces_at_the_ends_are_left_out(searched: Visitor, server: Server) -> None:
    """Those between the words stay, as the document has them."""
    hit = card(searched, "nets.txt")
    select(searched, hit, "  of the   lighthouse ", hit, "  of the   lighthouse ")
    take(hit).click()
    searched.idle(400)
    assert [("of the   lighthouse", "of the   lighthouse")] == stored(server)


def test_words_of_two_hits_are_not_taken(searched: Visitor, server: Server) -> None:
    """A selection from one hit into another offers nothing; one inside a hit does, there alone, and for as long as it stands."""
    first, second = card(searched, "harbour.txt"), card(searched, "nets.txt")
    select(searched, first, "Mirja", second, "lens room")
    assert not take(first).is_visible() and not take(second).is_visible()
    select(searched, first, "spring", first, "1968")
    assert take(first).is_visible() and not take(second).is_visible()
    searched.page.mouse.click(5, 5)
    searched.page.wait_for_timeout(200)
    assert not take(first).is_visible() and [] == stored(server)
