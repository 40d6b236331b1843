"""Profiles: which one this visitor works with, choosing it, and on Search saving the settings on screen under a name.

The choice is the session's, else the address's, else the default one's, else nobody's: the built-in settings, which have no name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from pages.parts import controls
from pages.parts.options import told_apart
from pages.parts.safe_text import draw, el, say, visible
from rag import RagError, SearchOptions, Workbench
from rag.types import Profile

if TYPE_CHECKING:
    from rag.types import Collection

PROFILE = "profile"  # of the address
BUILT_IN = "Built-in settings"
_CHOSEN = "profile.chosen"
_APPLIED = "profile.applied"  # the one whose settings Search took over last
_PICK = "profile.pick"
_NAME = "profile.name"
_SAID = "profile.said"
_SURE = "profile.delete.sure"


def chosen(bench: Workbench, known: Sequence[Profile] | None = None) -> Profile:
    """Return the profile this visitor works with; one without a name is the built-in settings. `known` are all there are."""
    known = bench.profiles.list() if known is None else known
    if _CHOSEN not in st.session_state and PROFILE in st.query_params:
        st.session_state[_CHOSEN] = st.query_params[PROFILE]
    wanted = st.session_state.get(_CHOSEN)
    default = _default(known)
    if not wanted:
        return default if wanted is None else Profile("")
    found = next((p for p in known if p.name.casefold() == str(wanted).casefold()), None)
    if found is not None:
        return found
    st.session_state.pop(_CHOSEN, None)
    st.query_params.pop(PROFILE, None)
    instead = f"{visible(default.name, 60)!r} is used" if default.name else "the built-in settings are used"
    st.session_state[_SAID] = f"The profile {visible(str(wanted), 60)!r} is not there any more; {instead} instead."
    return default


def _default(known: Sequence[Profile]) -> Profile:
    return next((p for p in known if p.is_default), Profile(""))


def choose(name: str) -> None:
    """Keep the choice for this session; "" is the built-in settings."""
    st.session_state[_CHOSEN] = name


def applied(name: str) -> None:
    """Note that the settings on Search are those of this profile, or were changed from them on purpose."""
    st.session_state[_APPLIED] = name


def is_everybodys(profile: Profile, known: Sequence[Profile]) -> bool:
    """Tell whether a visitor who chose nothing works with this profile, too: the address need not name it then."""
    return profile.name == _default(known).name


def to_address(bench: Workbench, profile: Profile) -> None:
    """Put the choice into the address, so that a reload keeps it."""
    if is_everybodys(profile, bench.profiles.list()):
        st.query_params.pop(PROFILE, None)
    else:
        st.query_params[PROFILE] = profile.name


def picker(bench: Workbench, known: Sequence[Profile] | None = None) -> Profile:
    """Draw the list of profiles and return the chosen one."""
    known = bench.profiles.list() if known is None else known
    now = chosen(bench, known)
    labels = told_apart(
        {"": BUILT_IN, **{p.name: f"{p.name} · default" if p.is_default else p.name for p in known}}, 70
    )
    st.session_state[_PICK] = now.name
    st.selectbox(
        "Profile", list(labels), key=_PICK, format_func=lambda name: labels.get(name, "deleted"),
        on_change=lambda: choose(st.session_state[_PICK]),
        help="Search settings under a name: tuned and saved on Search, used by Ask.",
    )  # fmt: skip
    return now


def said() -> None:
    """Say what went wrong since the last drawing, once."""
    if sentence := st.session_state.pop(_SAID, ""):
        say("warning", sentence)


# --- on Search ---


def in_use(bench: Workbench, target: Collection, known: Sequence[Profile]) -> Profile:
    """Return the chosen profile, with its settings put into the session where it is new. Call it before anything reads them."""
    now = chosen(bench, known)
    if st.session_state.get(_APPLIED) != now.name:
        controls.put(bench, target, now.search)
        applied(now.name)
    return now


def bar(bench: Workbench, target: Collection, known: Sequence[Profile], now: Profile) -> None:
    """Draw list and menu beside the controls."""
    left, right = st.columns([5, 1], vertical_alignment="bottom", gap="small")
    with left:
        picker(bench, known)
    with right.popover("", icon=":material/more_vert:", help="Save, rename, delete, make default", width="stretch"):
        _menu(bench, target, now)


def changes(bench: Workbench, target: Collection, now: Profile, options: SearchOptions) -> None:
    """Say how the settings on screen differ from the profile's, with the way back and the way to keep them.

    It stands below the sliders: a line that comes and goes above them would move them from under the mouse.
    """
    saved = controls.as_shown(target, now.search)
    changed = controls.differences(saved, options)
    if not changed:
        words = f"As saved in {visible(now.name, 60)}." if now.name else "The built-in settings."
        draw(el("div.since", el("span.muted", words)), key="profile.since")
        return

    def act(verb: str) -> None:
        if verb == "save":
            _guarded(lambda: bench.profiles.save(replace(now, search=options)))
        else:
            controls.put(bench, target, now.search)

    buttons = [el("button.link", "Go back", data_pick="back")]
    if now.name:
        buttons.insert(0, el("button.link", "Save", data_pick="save", title=f"Overwrite {visible(now.name, 60)}"))
    draw(
        el("div.since", el("span.chip.warn", "changed"), el("span", ", ".join(changed)), *buttons),
        key="profile.since", on_pick=act,
    )  # fmt: skip


def _menu(bench: Workbench, target: Collection, now: Profile) -> None:
    def save() -> None:
        name = " ".join(str(st.session_state[_NAME]).split())
        if name:
            _guarded(lambda: _save_as(bench, target, name, now))

    with st.form("profile.save", border=False):  # a box of its own would save whenever it is left
        st.text_input("Save these settings as", key=_NAME, max_chars=100, placeholder="Name of a new profile")
        st.form_submit_button(
            "Save", key="profile.save.yes", icon=":material/bookmark_add:", width="stretch", on_click=save
        )
    if not now.name:
        st.caption("Choose a profile to rename or delete it.")
        return
    rename = f"profile.rename.{now.name}"
    st.text_input(
        "Rename", now.name, key=rename, max_chars=100,
        on_change=lambda: _guarded(lambda: _keep_on_screen(bench.profiles.rename(now.name, st.session_state[rename]).name)),
    )  # fmt: skip
    label_ = "Default for Ask: take back" if now.is_default else "Make it the default for Ask"
    st.button(
        label_, icon=":material/star:", key="profile.default", width="stretch",
        on_click=lambda: _guarded(lambda: _toggle_default(bench, now)),
    )  # fmt: skip
    sure = st.session_state.get(_SURE) == now.name
    st.button(
        "Press again to delete for good" if sure else "Delete", icon=":material/delete:", key="profile.delete", width="stretch",
        on_click=lambda: _guarded(lambda: _delete(bench, now)),
    )  # fmt: skip


def _save_as(bench: Workbench, target: Collection, name: str, now: Profile) -> None:
    """Keep the settings on screen under a new name; an existing one is not overwritten by the way."""
    taken = {p.name.casefold() for p in bench.profiles.list()}
    if name.casefold() in taken and name.casefold() != now.name.casefold():
        st.session_state[_SAID] = (
            f"There is a profile {visible(name, 60)!r} already: choose it and press Save to overwrite it."
        )
        return
    kept = bench.profiles.save(Profile(name, controls.current(target), now.generate))
    _keep_on_screen(kept.name)
    st.session_state[_NAME] = ""


def _keep_on_screen(name: str) -> None:
    """Choose a profile without taking its settings over: those on screen stay."""
    choose(name)
    applied(name)


def _toggle_default(bench: Workbench, now: Profile) -> None:
    choose(now.name)
    bench.profiles.set_default(None if now.is_default else now.name)


def _delete(bench: Workbench, now: Profile) -> None:
    """Delete at the second press: a tuned profile is work."""
    if st.session_state.get(_SURE) != now.name:
        st.session_state[_SURE] = now.name
        return
    bench.profiles.delete(now.name)
    st.session_state.pop(_SURE, None)
    _keep_on_screen("")


def _guarded(do: Callable[[], object]) -> None:
    """Do it; what goes wrong is one sentence at the next drawing."""
    try:
        do()
    except RagError as error:
        st.session_state[_SAID] = str(error)
