"""Where an excerpt begins, so that it shows why its chunk was found."""

from __future__ import annotations

from rag.text import densest_start

FILLER = "Nothing of interest stands here, only words that fill a line. "


def marks(text: str, *words: str) -> list[tuple[int, int]]:
    found = []
    for word in words:
        at = text.find(word)
        while at >= 0:
            found.append((at, at + len(word)))
            at = text.find(word, at + 1)
    return sorted(found)


def test_without_marks_it_begins_at_the_beginning() -> None:
    """A chunk found by its meaning alone is shown from its start."""
    assert 0 == densest_start(FILLER * 9, [])


def test_what_the_beginning_shows_needs_no_jump() -> None:
    """When the first lines hold as many different words as any other place, the excerpt stays there."""
    text = "The gearbox of the turbine failed. " + FILLER * 8 + "A gearbox and a turbine."
    assert 0 == densest_start(text, marks(text, "gearbox", "turbine"))


def test_it_begins_with_the_sentence_where_most_words_are() -> None:
    """Different words count before repetitions: the sentence with both wins over a run of one."""
    text = "gearbox gearbox gearbox. " + FILLER * 8 + "The gearbox of the turbine failed. " + FILLER
    start = densest_start(text, marks(text, "gearbox", "turbine"))
    assert text[start:].startswith("The gearbox of the turbine")


def test_a_long_sentence_is_entered_between_words() -> None:
    """Far from any sentence's beginning the excerpt begins with a whole word shortly before the first mark."""
    text = "and so on " * 60 + "the gearbox of the turbine"
    start = densest_start(text, marks(text, "gearbox", "turbine"))
    assert 0 < text.index("gearbox") - start < 90 and text[start - 1] == " "
