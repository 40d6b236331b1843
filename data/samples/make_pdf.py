"""Write the sample annual report: `python data/samples/make_pdf.py`. Everything in it is invented.

The PDF is committed, so that nothing but the development tools needs reportlab. The file is the same on every run
(`invariant`), and is shaped like what people really bring: running headers and footers, an outline, tables, a chart,
and paragraphs that break across pages.
"""

from __future__ import annotations

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

TARGET = Path(__file__).with_name("brackwater-annual-report-2025.pdf")
TITLE = "Brackwater Community Energy: Annual Report 2025"
INK, SEA, MIST = HexColor("#1d2b33"), HexColor("#0b6e6e"), HexColor("#e6f0ef")

BODY = ParagraphStyle("body", fontName="Times-Roman", fontSize=11, leading=15.5, textColor=INK, spaceAfter=8)
H1 = ParagraphStyle("h1", fontName="Helvetica-Bold", fontSize=19, leading=24, textColor=SEA, spaceAfter=10)
H2 = ParagraphStyle(
    "h2", fontName="Helvetica-Bold", fontSize=12.5, leading=17, textColor=INK, spaceBefore=8, spaceAfter=4
)
NOTE = ParagraphStyle("note", parent=BODY, fontSize=9, leading=12, textColor=HexColor("#4a5a62"))
CELL = ParagraphStyle("cell", fontName="Helvetica", fontSize=9, leading=12, textColor=INK)
NUMBER = ParagraphStyle("number", parent=CELL, alignment=TA_RIGHT)
HEAD = ParagraphStyle("head", parent=CELL, fontName="Helvetica-Bold", textColor=white)
HEAD_NUMBER = ParagraphStyle("head-number", parent=HEAD, alignment=TA_RIGHT)
BIG = ParagraphStyle("big", fontName="Helvetica-Bold", fontSize=34, leading=40, textColor=SEA)
LEAD = ParagraphStyle("lead", fontName="Helvetica", fontSize=14, leading=20, textColor=INK)


class Report(BaseDocTemplate):  # type: ignore[misc]  # reportlab has no types
    """A4 with a running header and footer on every page but the cover, and an outline entry a heading."""

    def __init__(self, target: Path) -> None:
        super().__init__(str(target), pagesize=A4, title=TITLE, author="Brackwater Community Energy Limited", invariant=1)
        width, height = A4
        frame = Frame(24 * mm, 24 * mm, width - 48 * mm, height - 50 * mm, id="text")
        self.addPageTemplates([PageTemplate("cover", [frame]), PageTemplate("text", [frame], onPage=running_lines)])

    def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802  # the name is reportlab's
        style = getattr(getattr(flowable, "style", None), "name", "")
        if style in ("h1", "h2"):
            key = f"heading-{id(flowable)}"
            self.canv.bookmarkPage(key)
            self.canv.addOutlineEntry(flowable.getPlainText(), key, level=int(style[1]) - 1, closed=False)


def running_lines(canvas: Canvas, report: BaseDocTemplate) -> None:
    """Draw header and footer, as a printed report has them."""
    width, height = A4
    canvas.saveState()
    canvas.setFont("Helvetica", 8)
    canvas.setFillColor(HexColor("#4a5a62"))
    canvas.drawString(24 * mm, height - 15 * mm, "Brackwater Community Energy")
    canvas.drawRightString(width - 24 * mm, height - 15 * mm, "Annual Report 2025")
    canvas.drawString(24 * mm, 13 * mm, "Registered society 7714 R")
    canvas.drawRightString(width - 24 * mm, 13 * mm, f"Page {report.page}")
    canvas.setStrokeColor(SEA)
    canvas.line(24 * mm, height - 17 * mm, width - 24 * mm, height - 17 * mm)
    canvas.restoreState()


def h1(text: str) -> Paragraph:
    return Paragraph(text, H1)


def h2(text: str) -> Paragraph:
    return Paragraph(text, H2)


def prose(*paragraphs: str) -> list[Flowable]:
    return [Paragraph(text.replace("'", "\u2019"), BODY) for text in paragraphs]


def table(
    rows: list[list[str]], widths_mm: list[int], *, total_rows: tuple[int, ...] = (), text_columns: int = 1
) -> Flowable:
    """Draw a table with a coloured head; the columns after the first `text_columns` are set to the right."""
    head = [Paragraph(text, HEAD if i < text_columns else HEAD_NUMBER) for i, text in enumerate(rows[0])]
    body = [[Paragraph(text, CELL if i < text_columns else NUMBER) for i, text in enumerate(row)] for row in rows[1:]]
    style: list[Any] = [
        ("BACKGROUND", (0, 0), (-1, 0), SEA),
        ("LINEBELOW", (0, 1), (-1, -1), 0.4, MIST),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        *(("BACKGROUND", (0, row), (-1, row), MIST) for row in total_rows),
    ]
    drawn = Table([head, *body], colWidths=[w * mm for w in widths_mm], hAlign="LEFT")
    drawn.setStyle(TableStyle(style))
    return KeepTogether([drawn, Spacer(1, 10)])


def monthly_chart() -> Flowable:
    """Draw generation by month in MWh; the twelve bars add up to the year's 24,517."""
    chart = VerticalBarChart()
    chart.x, chart.y, chart.width, chart.height = 28, 22, 420, 120
    chart.data = [(2790, 1893, 2004, 1987, 1902, 1655, 1498, 1561, 1702, 2318, 2604, 2603)]
    chart.categoryAxis.categoryNames = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    chart.categoryAxis.labels.fontSize = chart.valueAxis.labels.fontSize = 8
    chart.valueAxis.valueMin, chart.valueAxis.valueMax, chart.valueAxis.valueStep = 0, 3000, 1000
    chart.bars[0].fillColor = SEA
    chart.bars.strokeColor = None
    drawing = Drawing(460, 150)
    drawing.add(chart)
    return drawing


def cover() -> list[Flowable]:
    six = [
        ["The year in six figures", "2025", "2024"],
        ["Electricity generated (MWh)", "24,517", "25,685"],
        ["Members at the end of the year", "3,412", "3,105"],
        ["Income (£ thousand)", "3,103", "3,354"],
        ["Interest on members' shares", "4.0 %", "4.5 %"],
        ["Community fund (£ thousand)", "152", "190"],
        ["Lost-time injuries", "1", "0"],
    ]
    return [
        Spacer(1, 60 * mm),
        Paragraph("Brackwater<br/>Community Energy", BIG),
        Spacer(1, 8 * mm),
        Paragraph("Annual report and accounts<br/>for the year to 31 December 2025", LEAD),
        Spacer(1, 30 * mm),
        table(six, [92, 35, 35]),
        NextPageTemplate("text"),
        PageBreak(),
    ]


def letter() -> list[Flowable]:
    return [
        h1("1 From the chair"),
        *prose(
            "Dear members, this was the year in which we learned what one bearing can cost. On 9 February the gearbox of "
            "turbine 3 at Long Down failed, and for 47 days a quarter of our wind farm stood still. A calm summer followed. "
            "We generated 24,517 megawatt-hours, 4.5 per cent less than the year before, and for the first time since 2016 "
            "we close a year with a deficit: £63,000 after interest and the community fund, taken from reserves that were "
            "built for years like this one.",
            "It was also the year in which 307 of you joined. We are 3,412 now, and more than half of the new members live "
            "within ten kilometres of something that we own. Four more roofs carry our panels. Our advisers sat at 611 "
            "kitchen tables, and the households that they visited spend £214 less a year on energy on average.",
            "In October one of our technicians was hurt on the walkway at Mill Weir. He will recover fully, and it should not have "
            "happened. Chapter 4 says what we know and what we changed; the investigation's full findings go to the board "
            "in March.",
            "The largest question of the coming year is the Saltmarsh battery. Chapter 7 sets out what it would cost and "
            "what it would do. The board will decide at its meeting in March 2026, and whatever it decides, you will read the "
            "reasons in the minutes, including those of anyone who disagreed.",
            "A cooperative is patient money and impatient people. I thank you for both.",
        ),
        *prose("Eleanor Pryce, chair, 20 February 2026"),
        h2("Who we are"),
        *prose(
            "Brackwater Community Energy is a registered society owned by its members, one member, one vote, whatever the "
            "size of the shareholding. It was founded in 2011 by 84 households after the closure of the Brackwater "
            "paper mill. It owns four wind turbines at Long Down, the hydro plant at Mill Weir and solar panels on 31 roofs, and "
            "it runs a home energy advice service for the county."
        ),
        PageBreak(),
    ]


def generation() -> list[Flowable]:
    sites = [
        ["Site", "Capacity", "2025 (MWh)", "2024 (MWh)", "Capacity factor 2025"],
        ["Long Down wind farm, 4 turbines", "9.2 MW", "21,840", "23,310", "27.1 %"],
        ["Mill Weir hydro", "110 kW", "412", "388", "42.8 %"],
        ["Rooftop solar, 31 roofs", "2.4 MWp", "2,265", "1,987", "10.8 %"],
        ["Total", "", "24,517", "25,685", ""],
    ]
    return [
        h1("2 What we generated"),
        *prose(
            "Our plants fed 24,517 MWh into the grid in 2025, which is what about 9,080 households use at 2,700 kilowatt-hours a year. "
            "Measured against the average of the grid, 177 grams of carbon dioxide a kilowatt-hour, that avoided some "
            "4,340 tonnes."
        ),
        table(sites, [58, 24, 26, 26, 30], total_rows=(4,)),
        h2("Long Down"),
        *prose(
            "The four turbines were available for 93.8 per cent of the year (2024: 97.9 per cent). The gearbox of turbine 3 failed on "
            "9 February, when a bearing of its high-speed shaft broke up; the crane arrived on 12 March and the turbine ran again on "
            "28 March. We estimate the loss at 1,040 MWh. The new gearbox and its installation cost £186,000, of which the "
            "insurer has paid £131,000. We have since had the oil of the other three gearboxes analysed every quarter."
        ),
        h2("Mill Weir"),
        *prose(
            "A wet autumn gave the hydro plant its best year since it was rebuilt in 2014. The fish pass was inspected by the river "
            "authority in June without a finding: 1,870 sea trout were counted on their way upstream."
        ),
        h2("Rooftop solar"),
        *prose(
            "Four roofs joined in 2025: the bus depot, Fernhill surgery, and the two halls of the trade college. Together they add 310 "
            "kilowatts. Tenants below our panels buy their power at 16.5 pence a kilowatt-hour, about a third below the tariff that most of them "
            "would otherwise pay."
        ),
        h2("Generation by month (MWh)"),
        monthly_chart(),
        PageBreak(),
    ]


def community() -> list[Flowable]:
    grants = [
        ["Community fund 2025", "Purpose", "£"],
        ["Home energy advice service", "Salaries and training of two advisers", "42,000"],
        ["Saltmarsh Primary School", "Heat pump and new radiators", "38,000"],
        ["Brackwater lifeboat station", "Solar panels and a small battery", "31,200"],
        ["Brackwater Food Co-op", "Cold store", "24,500"],
        ["Fifteen small grants", "Up to £2,000 each", "16,300"],
        ["Total, 19 grants", "", "152,000"],
    ]
    return [
        h1("3 Members and community"),
        *prose(
            "Membership grew from 3,105 to 3,412. Share capital at the end of the year was £6.83 million; the average holding "
            "is about £2,000 and the median £750. The smallest investment is £100, or £25 for members under 26, of whom "
            "there are now 288. At the annual general meeting on 19 June, 641 members voted, 402 of them online.",
            "Interest on shares for 2025 is 4.0 per cent, paid on 30 April 2026. The board cut it by half a point because the year's "
            "surplus did not cover the rate of the year before. Members who asked to withdraw shares waited for two "
            "months on average; £188,000 was paid back.",
        ),
        h2("The community fund"),
        *prose(
            "The fund receives up to 5 per cent of the income of the year before. A panel of nine members, drawn by lot, decides "
            "about the grants. It met three times, read 74 applications and gave 19 grants."
        ),
        table(grants, [62, 76, 24], total_rows=(6,), text_columns=2),
        h2("Home energy advice"),
        *prose(
            "Our advisers made 611 home visits (2024: 540). A year later we ask what has changed: of 388 households that answered, "
            "three in four had done at least one thing that was recommended, most often draught-proofing, a lower boiler flow "
            "temperature or a change of tariff. The average saving is £214 a year. The county pays for visits to tenants; the "
            "community fund pays for the rest."
        ),
        PageBreak(),
    ]


def people() -> list[Flowable]:
    safety = [
        ["Safety", "2025", "2024"],
        ["Hours worked", "43,900", "41,200"],
        ["Lost-time injuries", "1", "0"],
        ["Lost-time injuries per million hours", "22.8", "0"],
        ["Near misses reported", "41", "26"],
        ["of which serious", "5", "9"],
        ["Jobs stopped under the stop-work authority", "7", "3"],
    ]
    return [
        h1("4 People and safety"),
        *prose(
            "At the end of the year 27 people worked for the cooperative, or 24.6 full-time posts, among them four apprentices. Three people "
            "left and five joined. The median pay of women was 3.1 per cent below that of men (2024: 4.4 per cent). The highest salary was "
            "3.6 times the lowest; our rules allow five times."
        ),
        h2("The injury at Mill Weir"),
        *prose(
            "On 14 October a technician slipped on the walkway at Mill Weir while clearing leaves from the screen. He broke his left "
            "wrist and was away from work for twelve weeks. The safety lead was told within the hour, as the staff handbook "
            "requires. From the next day nobody has worked on the walkway alone, and the handrail is being extended to "
            "the gate."
        ),
        table(safety, [92, 35, 35]),
        *prose(
            "Reports of near misses rose by more than half after all field teams were trained in spring. We are glad of each of them: "
            "the number that were serious went down. Seven jobs were stopped by someone who thought them unsafe, twice by "
            "an apprentice."
        ),
        h2("Training"),
        *prose(
            "Everybody who climbs practised rescue from a turbine twice. Two technicians qualified for work on high-voltage switchgear, so that we "
            "no longer hire it in. Spending on training was £31,400, or £1,163 for each employee."
        ),
        PageBreak(),
    ]


def finance() -> list[Flowable]:
    income = [
        ["Income and spending (£ thousand)", "2025", "2024"],
        ["Electricity sales", "2,318", "2,596"],
        ["Feed-in tariff and certificates", "611", "598"],
        ["Advice contract and grants", "174", "160"],
        ["Income", "3,103", "3,354"],
        ["Operation and maintenance", "(891)", "(742)"],
        ["Staff", "(1,042)", "(968)"],
        ["Rates, rent and insurance", "(318)", "(301)"],
        ["Depreciation", "(402)", "(396)"],
        ["Operating surplus", "450", "947"],
        ["Interest on loans", "(97)", "(107)"],
        ["Interest on members' shares", "(264)", "(281)"],
        ["Community fund", "(152)", "(190)"],
        ["Taken from (2024: added to) reserves", "(63)", "369"],
    ]
    balance = [
        ["Balance sheet at 31 December (£ thousand)", "2025", "2024"],
        ["Turbines, hydro plant and panels", "11,240", "11,265"],
        ["Cash", "1,386", "1,462"],
        ["Owed to us", "402", "437"],
        ["Owed by us within a year", "(397)", "(410)"],
        ["Loans", "(4,590)", "(5,110)"],
        ["Net assets", "8,041", "7,644"],
        ["Members' shares", "6,830", "6,370"],
        ["General reserve", "1,211", "1,274"],
    ]
    return [
        h1("5 Finance"),
        *prose(
            "Income fell by 7.5 per cent to £3.103 million. More than half of the fall in sales came from the price: we sold at £94.55 a "
            "megawatt-hour on average, after £101.07 in 2024. The rest came from the lower output. Spending on operation and "
            "maintenance rose by £149,000, of which £55,000 is the part of the gearbox that the insurer did not pay."
        ),
        table(income, [92, 35, 35], total_rows=(4, 9, 13)),
        h2("Electricity prices"),
        *prose(
            "Seventy per cent of our output is sold under an agreement with the county council that runs to March 2028 at a fixed "
            "£92 a megawatt-hour, adjusted for inflation every April. The remainder is sold at the day-ahead price, which was on "
            "average lower and far more uneven than in 2024: in 212 hours of the year it was below zero, and for most of these we "
            "switched the turbines off."
        ),
        h2("Loans"),
        *prose(
            "We owe Harbour Mutual Bank £4.59 million at a rate of 2.0 per cent that is fixed until June 2027. When it is fixed anew "
            "we expect to pay more: each percentage point costs about £46,000 a year. The agreement asks that operating cash covers interest "
            "and repayment at least 1.15 times. In 2025 it covered them 1.38 times, after 2.14 times in 2024. We repaid £520,000 "
            "during the year, as planned, and we have not borrowed anew since 2019; the bank has confirmed in writing that it would lend up "
            "to £2 million for the Saltmarsh battery if the members raise the rest."
        ),
        table(balance, [92, 35, 35], total_rows=(6,)),
        *prose(
            "The general reserve stands at £1.211 million. Our rule is to hold six months of spending without depreciation, which is "
            "£1.126 million, so the reserve is still above the rule, but by £85,000 only: two more years like this one would take it below. The accounts were audited by "
            "Wetherell & Stone, whose opinion is without reservation and is filed with the registrar."
        ),
    ]


def risks() -> list[Flowable]:
    return [
        h1("6 Principal risks"),
        h2("Failure of a large component"),
        *prose(
            "The turbines at Long Down are eleven years old. We hold no spare gearbox: with three neighbouring cooperatives we share an option on one "
            "at a manufacturer's warehouse in Esbjerg, which shortens delivery from twenty weeks to five."
        ),
        h2("Low prices"),
        *prose(
            "If the day-ahead price fell by a tenth we would lose about £74,000 a year. The agreement with the council limits the effect until "
            "March 2028. The battery would turn uneven prices from a risk into an income."
        ),
        h2("Storm surge"),
        *prose(
            "The substation at Long Down lies 4.1 metres above the sea. A survey in 2023 found that a surge expected once in 200 years "
            "would reach its fence. Raising the switchgear by 1.2 metres costs £140,000 and is planned for 2027."
        ),
        h2("Attacks on our systems"),
        *prose(
            "In May someone obtained the password of a supplier who had remote access to the turbine control system. The access was closed "
            "after 40 minutes and nothing had been changed. Remote access now needs a hardware key and is open for the hours of a "
            "job only."
        ),
    ]


def outlook() -> list[Flowable]:
    goals = [
        ["Goals", "2025 goal", "2025 result", "2026 goal"],
        ["Generation (MWh)", "26,200", "24,517", "26,000"],
        ["Members", "3,400", "3,412", "3,800"],
        ["Home visits", "600", "611", "650"],
        ["Lost-time injuries", "0", "1", "0"],
        ["New roofs", "5", "4", "4"],
    ]
    return [
        h1("7 Looking ahead"),
        h2("The Saltmarsh battery"),
        *prose(
            "We propose to build a battery of 5 megawatts and 10 megawatt-hours on the old paper mill's car park. It would store our own power "
            "when prices are low and sell it in the evening, and help to hold the grid's frequency. Planning permission was granted on "
            "18 November 2025. The cost is estimated at £4.2 million, of which members would raise £2.5 million in a share "
            "offer that could open in April 2026. The network operator has offered a connection in October 2027. Our "
            "consultants expect an income of £610,000 a year in the first five years. The board decides in March 2026."
        ),
        h2("Goals"),
        table(goals, [60, 34, 34, 34]),
        h2("Roofs, heat and the second turbine generation"),
        *prose(
            "Four roofs are under negotiation with the county. With the harbour trust we are studying a heat pump that would draw from the estuary and "
            "warm 220 homes on the quay; the study is due in September 2026. The lease at Long Down runs to 2039, and we will ask for "
            "permission to replace the four turbines by three larger ones before the end of 2030."
        ),
        PageBreak(),
    ]


def governance() -> list[Flowable]:
    directors = [
        ["Director", "Since", "Meetings attended of 7"],
        ["Eleanor Pryce, chair", "2017", "7"],
        ["Samuel Achterberg, vice-chair", "2019", "6"],
        ["Margaret Oduya, chair of the audit committee", "2020", "7"],
        ["Rafe Okafor", "2021", "7"],
        ["Lin Castellan", "2022", "5"],
        ["Dilys Harcombe", "2022", "7"],
        ["Joost Vermeer", "2023", "6"],
        ["Priya Nandakumar", "2024", "7"],
        ["Callum Strand", "2025", "3 of 4"],
    ]
    return [
        h1("8 How we are governed"),
        *prose(
            "The board has nine directors, elected by the members for three years and unpaid; they may claim travel under the same rules "
            "as staff. It met seven times. The audit committee met four times, once without any employee in the room."
        ),
        table(directors, [86, 25, 51]),
        *prose(
            "The chief executive is Hannah Lisle. Owen Tarrant directs operations and Beatriz Coelho finance. What each of them may sign is set out "
            "in section 3.2 of the staff handbook, and contracts above the chief executive's limit come to the board."
        ),
        h2("Reserved for the members"),
        *prose(
            "A change of the rules, a merger, the sale of more than a fifth of our assets and the choice of the auditor are decided by the annual general meeting. "
            "The next one takes place on 25 June 2026 at the Harbour Rooms, and online."
        ),
        h2("Contact"),
        *prose(
            "Brackwater Community Energy Limited, 3 Ropewalk, Brackwater. Members' desk: Monday to Thursday, 09:00 to 16:00."
        ),
        Paragraph(
            "This report, the organisation and everyone in it are invented. They were written as sample documents for the RAG workbench.",
            NOTE,
        ),
    ]


def main() -> None:
    story = [
        *cover(),
        *letter(),
        *generation(),
        *community(),
        *people(),
        *finance(),
        *risks(),
        *outlook(),
        *governance(),
    ]
    Report(TARGET).build(story)


if __name__ == "__main__":
    main()
