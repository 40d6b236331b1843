"""Write the sample annual report from `annual-report.md`: `make samples`. Everything in it is invented.

The PDF is committed, so that nothing but the development tools needs reportlab. The file is the same on every run, and is
shaped like what people really bring: running header and footer, an outline, tables, a chart, a paragraph across two pages.

Read are headings of two levels, paragraphs, tables (a column is set to the right when its rule ends in a colon) and comments
that say what Markdown cannot: `cover`, `new page`, `bars` (one number a month) and `widths` of the next table in millimetres,
with the numbers of its `totals` rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from reportlab.graphics.charts.barcharts import VerticalBarChart
from reportlab.graphics.shapes import Drawing
from reportlab.lib.colors import HexColor, white
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    KeepTogether,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

SOURCE = Path(__file__).with_name("annual-report.md")
TARGET = SOURCE.parents[1] / "samples" / "brackwater-annual-report-2025.pdf"
ORGANISATION, TITLE = "Brackwater Community Energy", "Annual Report 2025"
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
INK, FAINT, SEA, MIST = HexColor("#1d2b33"), HexColor("#4a5a62"), HexColor("#0b6e6e"), HexColor("#e6f0ef")

BODY = ParagraphStyle("body", fontName="Times-Roman", fontSize=11, leading=15.5, textColor=INK, spaceAfter=8)
BOLD = ParagraphStyle("bold", fontName="Helvetica-Bold", textColor=INK)
HEADINGS = {
    "# ": ParagraphStyle("h1", BOLD, fontSize=19, leading=24, textColor=SEA, spaceAfter=10),
    "## ": ParagraphStyle("h2", BOLD, fontSize=12.5, leading=17, spaceBefore=8, spaceAfter=4),
}
CELL = ParagraphStyle("cell", fontName="Helvetica", fontSize=9, leading=12, textColor=INK)
HEAD = ParagraphStyle("head", CELL, fontName="Helvetica-Bold", textColor=white)
COVER = [
    ParagraphStyle("big", BOLD, fontSize=34, leading=40, textColor=SEA, spaceBefore=60 * mm, spaceAfter=8 * mm),
    ParagraphStyle("lead", CELL, fontSize=14, leading=20, spaceAfter=30 * mm),
]


class Report(BaseDocTemplate):  # type: ignore[misc]  # reportlab has no types
    """A4 with a running header and footer on every page but the cover, and an outline entry a heading."""

    def __init__(self, target: Path) -> None:
        super().__init__(
            str(target), pagesize=A4, title=f"{ORGANISATION}: {TITLE}", author=f"{ORGANISATION} Limited", invariant=1
        )
        self.keys = count()
        frame = Frame(24 * mm, 24 * mm, A4[0] - 48 * mm, A4[1] - 50 * mm, id="text")
        self.addPageTemplates([PageTemplate("cover", [frame]), PageTemplate("text", [frame], onPage=running_lines)])

    def afterFlowable(self, flowable: Flowable) -> None:  # the name is reportlab's
        style = getattr(getattr(flowable, "style", None), "name", "")
        if style in ("h1", "h2"):
            key = f"heading-{next(self.keys)}"
            self.canv.bookmarkPage(key)
            self.canv.addOutlineEntry(flowable.getPlainText(), key, level=int(style[1]) - 1, closed=False)


def running_lines(canvas: Canvas, report: BaseDocTemplate) -> None:
    """Draw header and footer, as a printed report has them."""
    left, right, top = 24 * mm, A4[0] - 24 * mm, A4[1] - 15 * mm
    canvas.saveState()
    canvas.setFont("Helvetica", 8)
    canvas.setFillColor(FAINT)
    canvas.drawString(left, top, ORGANISATION)
    canvas.drawRightString(right, top, TITLE)
    canvas.drawString(left, 13 * mm, "A registered society")
    canvas.drawRightString(right, 13 * mm, f"Page {report.page}")
    canvas.setStrokeColor(SEA)
    canvas.line(left, top - 2 * mm, right, top - 2 * mm)
    canvas.restoreState()


def table(lines: list[str], widths_mm: list[int], total_rows: list[int]) -> Flowable:
    """Draw a table with a coloured head that stays on one page."""
    head, rule, *body = [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in lines]
    to_right = [cell.endswith(":") for cell in rule]

    def drawn(row: list[str], style: ParagraphStyle) -> list[Flowable]:
        number = ParagraphStyle("number", style, alignment=TA_RIGHT)
        return [Paragraph(text, number if right else style) for text, right in zip(row, to_right, strict=True)]

    style: list[tuple[Any, ...]] = [
        ("BACKGROUND", (0, 0), (-1, 0), SEA),
        ("LINEBELOW", (0, 1), (-1, -1), 0.4, MIST),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        *(("BACKGROUND", (0, row), (-1, row), MIST) for row in total_rows),
    ]
    rows = [drawn(head, HEAD), *(drawn(row, CELL) for row in body)]
    grid = Table(rows, colWidths=[width * mm for width in widths_mm], hAlign="LEFT", style=TableStyle(style))
    return KeepTogether([grid, Spacer(1, 10)])


def bars(values: list[int]) -> Flowable:
    """Draw one bar a month."""
    chart = VerticalBarChart()
    chart.x, chart.y, chart.width, chart.height = 28, 22, 420, 120
    chart.data = [values]
    chart.categoryAxis.categoryNames = MONTHS
    chart.categoryAxis.labels.fontSize = chart.valueAxis.labels.fontSize = 8
    chart.valueAxis.valueMin, chart.valueAxis.valueMax, chart.valueAxis.valueStep = 0, 3000, 1000
    chart.bars[0].fillColor = SEA
    chart.bars.strokeColor = None
    drawing = Drawing(460, 150)
    drawing.add(chart)
    return drawing


def block(text: str) -> Iterator[Flowable]:
    """Yield what one block of the source, the text between two blank lines, becomes."""
    numbers = [[int(n) for n in re.findall(r"\d+", part)] for part in text.partition("-->")[0].split(";")]
    if text.startswith("<!-- cover:"):
        yield from map(Paragraph, text[11:-4].split(";"), COVER)
    elif text.startswith("<!-- new page"):
        yield from (NextPageTemplate("text"), PageBreak())
    elif text.startswith("<!-- bars"):
        yield bars(numbers[0])
    elif text.startswith("<!-- widths"):
        yield table(text.splitlines()[1:], numbers[0], numbers[1] if len(numbers) > 1 else [])
    elif text.startswith("#"):
        marks, heading = re.match(r"(#+ )(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]  # it starts so
        yield Paragraph(heading, HEADINGS[marks])
    else:
        yield Paragraph(text.replace("&", "&amp;"), BODY)


def main() -> None:
    source = SOURCE.read_text(encoding="utf-8").strip().replace("'", "\u2019")
    Report(TARGET).build([drawn for text in source.split("\n\n") for drawn in block(text)])


if __name__ == "__main__":
    main()
