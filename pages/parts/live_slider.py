"""A slider that moves its page while it is dragged: Streamlit's own reports only when it is let go.

The value lives in the session under its own name, not in the widget, so it survives a page switch and tests can set it.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.parts.newest import packed, script

_HERE = Path(__file__).parent
_THROTTLE_MS = 60  # a rerun of a results fragment takes about half of this
_slider = st.components.v2.component(
    "workbench.live_slider",
    html='<div class="slider"><div class="top"><span class="name"></span><output></output></div><div class="track">'
    '<span class="default"></span><input type="range"></div><div class="hint"></div></div>',
    css=(_HERE / "live_slider.css").read_text(encoding="utf-8"),
    js=script("live_slider.js"),
)


def live_slider(
    label: str,
    *,
    key: str,
    low: float,
    high: float,
    step: float,
    value: float,
    hint: str = "",
    unit: str = "",
    mark: float | None = None,
    mark_title: str = "",
    disabled: bool = False,
) -> float:
    """Return the slider's value, kept as `st.session_state[key]`; `value` is what it starts with.

    `mark` draws a line at a value worth knowing, such as a default. Inside a fragment only the fragment reruns.
    """
    widget = f"{key}.slider"

    def moved() -> None:
        st.session_state[key] = min(high, max(low, float(st.session_state[widget]["value"])))

    now = min(high, max(low, float(st.session_state.setdefault(key, value))))
    st.session_state[key] = now
    data = {
        "label": label, "min": low, "max": high, "step": step, "value": now, "hint": hint, "unit": unit, "mark": mark,
        "mark_title": mark_title, "disabled": disabled, "throttle": _THROTTLE_MS,
        "decimals": 2 if step < 1 else 0,
    }  # fmt: skip
    _slider(key=widget, data=packed(widget, data), default={"value": now}, on_value_change=moved)
    return now
