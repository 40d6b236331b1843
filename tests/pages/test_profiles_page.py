"""Profiles: settings of Search under a name, used by Ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rag.types import Profile, SearchOptions

Visit = Callable[..., Any]
QUESTION = "Why was turbine 3 out of service and for how long?"


def widget(page: Any, kind: str, key: str) -> Any:
    return next(w for w in page.test.get(kind) if w.key == key)


def choose(page: Any, name: str) -> Any:
    widget(page, "selectbox", "profile.pick").set_value(name)
    return page.run()


def save_as(page: Any, name: str) -> Any:
    widget(page, "text_input", "profile.name").set_value(name)
    next(b for b in page.test.button if b.key == "profile.save.yes").click()
    return page.run()


def options(page: Any) -> str:
    return str(page.drawn("search.results").partition("fetched in")[0])


def test_a_name_that_is_only_typed_saves_nothing(visit_with_samples: Visit) -> None:
    """Leaving the box is not saving; the button, or Enter, is."""
    page = visit_with_samples("search", q=QUESTION)
    widget(page, "text_input", "profile.name").set_value("board papers")
    page.run()
    assert [] == page.bench.profiles.list()


def test_settings_are_saved_under_a_name(visit_with_samples: Visit) -> None:
    """The profile holds what the sliders say, and is the chosen one from then on."""
    page = visit_with_samples("search", q=QUESTION)
    page.pick("search.top_k", 3.0)
    save_as(page, "Board  papers")
    kept = page.bench.profiles.get("board papers")
    assert (3, 0.42) == (kept.search.top_k, kept.search.similarity_threshold)
    assert "Board papers" == widget(page, "selectbox", "profile.pick").value
    assert "As saved" in page.drawn("profile.since")


def test_choosing_a_profile_sets_every_control(visit_with_samples: Visit) -> None:
    """Its settings take the place of those on screen; the built-in ones are a choice, too."""
    page = visit_with_samples("search", q=QUESTION)
    page.bench.profiles.save(Profile("words", SearchOptions(mode="keyword", top_k=2, similarity_threshold=0.3)))
    choose(page.run(), "words")
    assert "keyword · top 2 · threshold 0.30" in options(page)
    choose(page, "")
    assert "hybrid (semantic share 0.50) · top 6 · threshold 0.42" in options(page)


def test_what_was_changed_since_is_said(visit_with_samples: Visit) -> None:
    """A moved slider is named with its old and its new value, until it is back."""
    page = visit_with_samples("search", q=QUESTION)
    page.bench.profiles.save(Profile("mine", SearchOptions(top_k=4)))
    choose(page.run(), "mine").pick("search.top_k", 9.0)
    assert "changed top 4 → 9" in page.drawn("profile.since")
    assert "As saved" in page.pick("search.top_k", 4.0).drawn("profile.since")


def test_a_taken_name_is_not_overwritten_by_the_way(visit_with_samples: Visit) -> None:
    """Saving under the name of another profile changes nothing and says so."""
    page = visit_with_samples("search", q=QUESTION)
    page.bench.profiles.save(Profile("mine", SearchOptions(top_k=4)))
    save_as(page.run(), "Mine")
    assert any("already" in sentence for sentence in page.boxes())
    assert 4 == page.bench.profiles.get("mine").search.top_k


def test_a_profile_is_renamed_and_deleted(visit_with_samples: Visit) -> None:
    """Renaming keeps it chosen; deleting takes two presses and leaves the settings on screen."""
    page = visit_with_samples("search", q=QUESTION)
    page.pick("search.top_k", 3.0)
    save_as(page, "first")
    widget(page, "text_input", "profile.rename.first").set_value("second")
    assert "second" == widget(page.run(), "selectbox", "profile.pick").value
    page.press("Delete")
    assert [p.name for p in page.bench.profiles.list()] == ["second"]
    page.press("Press again to delete")
    assert [] == page.bench.profiles.list()
    assert "top 3" in options(page)


def test_the_choice_survives_a_page_switch_and_a_reload(visit_with_samples: Visit) -> None:
    """Another page and back keeps it; the address brings it into a new session, on Search and on Ask."""
    page = visit_with_samples("search", q=QUESTION)
    page.bench.profiles.save(Profile("mine", SearchOptions(top_k=4)))
    choose(page.run(), "mine")
    assert "mine" == widget(page.go("usage").go("search"), "selectbox", "profile.pick").value
    assert "mine" == widget(page.go("ask"), "selectbox", "profile.pick").value
    assert "mine" == page.address("profile")
    again = visit_with_samples("search", q=QUESTION, profile="mine")
    assert "top 4" in options(again)


def test_a_link_may_differ_from_its_profile(visit_with_samples: Visit) -> None:
    """What the address says besides the profile holds, and is shown as changed."""
    page = visit_with_samples("search", q=QUESTION)
    page.bench.profiles.save(Profile("mine", SearchOptions(top_k=4)))
    page = visit_with_samples("search", q=QUESTION, profile="mine", k="8")
    assert "top 8" in options(page)
    assert "top 4 → 8" in page.drawn("profile.since")


def test_ask_searches_by_the_chosen_profile_and_the_turn_names_it(visit_with_samples: Visit) -> None:
    """The answer rests on the profile's hits, and says so also when the conversation is opened again."""
    page = visit_with_samples("ask")
    page.bench.profiles.save(Profile("two words", SearchOptions(mode="keyword", top_k=2, similarity_threshold=0.2)))
    choose(page.run(), "two words")
    page.test.chat_input[0].set_value(QUESTION)
    page.run()
    assert "profile two words" in page.drawn()
    stream = page.bench.answers.values()[-1]
    assert ("keyword", 2) == (stream.result.options.mode, stream.result.options.top_k)
    again = visit_with_samples("ask", c=page.address("c"))
    assert "profile two words" in again.drawn()


def test_the_default_profile_is_what_a_new_visitor_gets(visit_with_samples: Visit) -> None:
    """Without a choice, Ask and Search go by it; the address need not name it."""
    page = visit_with_samples("search", q=QUESTION)
    page.pick("search.top_k", 3.0)
    save_as(page, "house").press("Make it the default")
    fresh = visit_with_samples("ask")
    assert "house" == widget(fresh, "selectbox", "profile.pick").value
    assert "" == fresh.address("profile")
    assert "top 3" in options(visit_with_samples("search", q=QUESTION))


def test_a_profile_deleted_in_another_tab_is_a_sentence(visit_with_samples: Visit) -> None:
    """The page goes on with the built-in settings and says so once."""
    page = visit_with_samples("search", q=QUESTION)
    page.bench.profiles.save(Profile("mine", SearchOptions(top_k=4)))
    choose(page.run(), "mine")
    page.bench.profiles.delete("mine")
    assert any("is not there any more" in sentence for sentence in page.run().boxes())
    assert [] == page.run().boxes()
