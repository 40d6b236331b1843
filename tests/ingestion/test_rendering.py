"""A passage is marked on the picture of its page exactly where its words stand, or not at all."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pdfs import lines, pdf_of
from PIL import Image

import rag
from rag.errors import DocumentNotFoundError
from rag.ingestion.rendering import PageImage
from rag.types import Chunk, ChunkOptions, Document, Upload

FIRST = ["Words on the first line of the page,", "the harbour was dredged to"]
OVERLEAF = ["nine metres in the spring of the year.", "More words follow."]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[rag.Workbench]:
    """A workbench whose collection has keyword search only, so that nothing is embedded."""
    with rag.open_workbench(tmp_path / "data") as opened:
        opened.catalog.create_collection(
            "plain", embedding_model="", dimension=0, options=ChunkOptions(), similarity_threshold=0.1
        )
        yield opened


def added(bench: rag.Workbench, data: bytes, name: str = "a.pdf") -> Document:
    (report,) = rag.ingest(bench, [Upload(name, data)], collection="plain").files
    return bench.catalog.document(report.document_id)


def span(document: Document, start: str, end: str) -> tuple[int, int]:
    return document.text.index(start), document.text.index(end) + len(end)


def is_yellow(image: PageImage, x: float, y: float) -> bool:
    picture = Image.open(io.BytesIO(image.jpeg))
    pixels = [picture.getpixel((int(x) + dx, int(y))) for dx in range(-8, 9, 4)]
    return any(r > 200 and g > 180 and b < 150 for r, g, b in pixels)  # type: ignore[misc]  # RGB pixels are triples


def test_the_marked_words_lie_in_the_box(bench: rag.Workbench) -> None:
    """The box stands where the words were printed, to two points, and is yellow; the rest of the page is not."""
    document = added(bench, pdf_of(lines(FIRST)))
    image = rag.render_page(bench, document.id, 1, [span(document, "harbour", "dredged")], width_px=1224)
    assert image.placed
    assert (1224, 1584) == (image.width, image.height)
    ((left, top, right, bottom),) = image.boxes
    from reportlab.pdfbase.pdfmetrics import stringWidth

    expected = [72 + stringWidth(part, "Helvetica", 11) for part in ("the ", "the harbour was dredged")]
    assert pytest.approx(expected, abs=2) == [left / 2, right / 2]
    assert top / 2 < 792 - 686 < bottom / 2
    assert bottom - top < 40
    assert is_yellow(image, (left + right) / 2, top + 3)
    assert not is_yellow(image, (left + right) / 2, bottom + 60)


def test_a_passage_over_two_pages_is_marked_on_both(bench: rag.Workbench) -> None:
    """Each page shows its own part of the passage."""
    document = added(bench, pdf_of(lines(FIRST), lines(OVERLEAF)))
    mark = span(document, "harbour", "metres")
    assert (1, 2) == document.pages_of(*mark)
    one, two = (rag.render_page(bench, document.id, page, [mark]) for page in (1, 2))
    assert one.placed and two.placed
    assert [1, 1] == [len(one.boxes), len(two.boxes)]
    assert two.boxes[0][1] < one.boxes[0][1]


def test_several_lines_have_a_box_each(bench: rag.Workbench) -> None:
    """A passage over three lines has three boxes, one under the other."""
    document = added(bench, pdf_of(lines([*FIRST, *OVERLEAF])))
    image = rag.render_page(bench, document.id, 1, [span(document, "first", "metres")])
    assert 3 == len(image.boxes)
    assert all(a[1] < b[1] for a, b in itertools.pairwise(image.boxes))


@pytest.mark.parametrize("rotate", [90, 180, 270])
def test_boxes_turn_with_the_page(bench: rag.Workbench, rotate: int) -> None:
    """On a page that is turned the box is over the same words."""
    document = added(bench, pdf_of(lines(FIRST), rotate=rotate))
    image = rag.render_page(bench, document.id, 1, [span(document, "harbour", "dredged")])
    ((left, top, right, bottom),) = image.boxes
    assert (bottom - top > right - left) == (rotate in (90, 270))
    assert is_yellow(image, (left + right) / 2, (top + bottom) / 2)
    assert 0 <= left < right <= image.width and 0 <= top < bottom <= image.height


def test_divided_words_and_left_out_lines_do_not_shift_boxes(bench: rag.Workbench) -> None:
    """Running headers, machine keys and hyphens change the text, not the place of the box."""
    pages = [
        [
            (72, 750, 9, "Harbour Board"),
            (72, 730, 1, "_327a105e-ce74-11e3-93c7-a7770ef76435"),
            *lines([f"Page {'abcd'[n]} tells of the infra-", "structure of the harbour."], top=700),
            (300, 40, 9, str(n + 1)),
        ]
        for n in range(4)
    ]
    document = added(bench, pdf_of(*pages))
    start = document.text.index("infrastructure", document.text.index("Page c"))
    image = rag.render_page(bench, document.id, 3, [(start, start + len("infrastructure of"))], width_px=1224)
    assert image.placed
    assert 2 == len(image.boxes)
    assert all(abs(box[1] / 2 - (792 - y - 9)) < 8 for box, y in zip(image.boxes, (700, 686), strict=True))


def test_doubt_means_no_box(bench: rag.Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the text kept is not what the page shows, nothing is marked: a wrong box is worse than none."""
    document = added(bench, pdf_of(lines(FIRST)))
    other = replace(document, text=document.text.replace("harbour", "airport"))
    monkeypatch.setattr(bench.catalog, "document", lambda _: other)
    image = rag.render_page(bench, document.id, 1, [(40, 50)])
    assert (False, ()) == (image.placed, image.boxes)
    assert len(image.jpeg) > 1000


def test_a_page_without_the_passage_has_no_box(bench: rag.Workbench) -> None:
    """A page can be shown without marks, or beside the passage's page."""
    document = added(bench, pdf_of(lines(FIRST), lines(OVERLEAF)))
    for marks in ([], [span(document, "Words", "first")]):
        image = rag.render_page(bench, document.id, 2, marks)
        assert (False, ()) == (image.placed, image.boxes)


def test_what_cannot_be_drawn_is_told(bench: rag.Workbench) -> None:
    """No such document, no such page, no PDF."""
    document = added(bench, pdf_of(lines(FIRST)))
    text = added(bench, b"Words.", "a.txt")
    with pytest.raises(DocumentNotFoundError):
        rag.render_page(bench, "0" * 64, 1)
    with pytest.raises(ValueError, match="no page 2"):
        rag.render_page(bench, document.id, 2)
    with pytest.raises(ValueError, match="only PDF"):
        rag.render_page(bench, text.id, 1)


def test_a_hostile_page_size_gives_a_small_picture(bench: rag.Workbench) -> None:
    """A page that is a mile long is drawn small."""
    data = pdf_of(lines(FIRST)).replace(b"/MediaBox [ 0 0 612 792 ]", b"/MediaBox [ 0 0 61 99999 ]")
    document = added(bench, data)
    image = rag.render_page(bench, document.id, 1)
    assert image.height <= 3700 and image.width <= 901


def test_every_chunk_of_a_real_filing_can_be_marked(bench: rag.Workbench, eval_dir: Path) -> None:
    """Each chunk of a real filing is placed on each of its pages."""
    document = added(bench, (eval_dir / "fedpdf" / "pdfs" / "NARA2022.pdf").read_bytes())
    chunks: list[Chunk] = bench.catalog.chunks_of(bench.collection("plain").id, document.id)
    for chunk in chunks:
        for page in chunk.pages:
            assert rag.render_page(bench, document.id, page, [(chunk.start, chunk.end)], width_px=300).placed
