"""Profiles: settings under a name that come back as they were, also from another version."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import ProfileError
from rag.store.catalog import Catalog
from rag.store.profiles import Profiles, from_json, to_json
from rag.types import GenerateOptions, Profile, SearchOptions

TUNED = SearchOptions(
    "semantic", 12, 0.3, 0.7, 80, ("d1", "d2"), True, 0.4, 2, ("plan",), 3, 9, date(2026, 1, 2), date(2026, 11, 20)
)


@pytest.fixture
def profiles(catalog: Catalog) -> Profiles:
    """The profiles of an empty catalog."""
    return Profiles(catalog.engine)


def test_a_profile_comes_back_as_it_was_saved(profiles: Profiles) -> None:
    """Every option survives, dates and lists included; case and blanks of the name do not count."""
    saved = Profile("Board papers", TUNED, GenerateOptions(max_passages=5))
    assert saved == profiles.save(saved) == profiles.get("  board  PAPERS ")
    assert [saved] == profiles.list()


def test_saving_under_the_same_name_replaces(profiles: Profiles) -> None:
    """There is one profile of a name; a default that is saved again stays the default."""
    profiles.save(Profile("Plan", is_default=True))
    profiles.save(Profile("plan", TUNED))
    assert [Profile("plan", TUNED, is_default=True)] == profiles.list()


def test_one_profile_at_most_is_the_default(profiles: Profiles) -> None:
    """Making another the default takes it from the first; None, or deleting it, goes back to the built-in settings."""
    assert profiles.default() is None
    profiles.save(Profile("a", is_default=True))
    profiles.save(Profile("b", is_default=True))
    assert ["b"] == [p.name for p in profiles.list() if p.is_default]
    profiles.set_default("a")
    assert profiles.default() == Profile("a", is_default=True)
    profiles.set_default(None)
    assert profiles.default() is None
    profiles.set_default("b")
    profiles.delete("b")
    profiles.delete("b")
    assert profiles.default() is None


def test_a_profile_can_be_renamed(profiles: Profiles) -> None:
    """The new name may differ in case only, but must not be another's; whether it is the default stays."""
    profiles.save(Profile("a", TUNED, is_default=True))
    profiles.save(Profile("b"))
    assert Profile("A", TUNED, is_default=True) == profiles.rename("a", "A")
    with pytest.raises(ProfileError, match="already"):
        profiles.rename("A", "B")
    with pytest.raises(ProfileError, match="no profile named 'gone'"):
        profiles.rename("gone", "c")


@pytest.mark.parametrize("name", ["", " \n", "x" * 101])
def test_a_name_that_cannot_be_used_is_refused(profiles: Profiles, name: str) -> None:
    """A profile needs a short name."""
    with pytest.raises(ProfileError, match="1 to 100"):
        profiles.save(Profile(name))


def test_a_missing_profile_is_said_to_be_missing(profiles: Profiles) -> None:
    """Asking for a profile that was deleted in another tab gives one sentence, and the default stays."""
    profiles.save(Profile("a", is_default=True))
    with pytest.raises(ProfileError, match="choose another"):
        profiles.get("gone")
    with pytest.raises(ProfileError, match="choose another"):
        profiles.set_default("gone")
    assert profiles.default() is not None


def test_json_of_another_version_is_read_as_far_as_it_goes() -> None:
    """Unknown fields are passed over, missing ones and values that are not allowed here take their defaults."""
    kept = {
        "mode": "telepathy",
        "top_k": 9,
        "pool": "many",
        "rerank": True,
        "added_from": "yesterday",
        "tags": "plan",
        "mmr": True,
    }
    assert SearchOptions(top_k=9) == from_json(SearchOptions, kept)
    assert GenerateOptions() == from_json(
        GenerateOptions, {"model": 5, "style": "of a later version", "max_passages": 0}
    )


@given(st.dictionaries(st.sampled_from([*to_json(TUNED), "new"]), st.none() | st.booleans() | st.integers(-5, 999) | st.floats()
                       | st.text(max_size=9) | st.lists(st.none() | st.text(max_size=3) | st.integers(), max_size=3)))  # fmt: skip
def test_no_json_makes_reading_fail(kept: dict[str, Any]) -> None:
    """Whatever stands in the catalog, options come out, and they can be saved again."""
    options = from_json(SearchOptions, kept)
    assert options == from_json(SearchOptions, json.loads(json.dumps(to_json(options))))
