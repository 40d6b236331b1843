"""What options of a list read. Streamlit takes an option by its label: of two that read the same, only one can be chosen."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

from pages.parts.safe_text import visible

T = TypeVar("T", bound=Hashable)
_LONGEST_NAME = 4000  # characters of a name that are looked at


def told_apart(names: Mapping[T, str], longest: int = 60) -> dict[T, str]:
    """Return a label of about `longest` characters for each option, no two the same.

    Long names lose their middle, because those of a series differ at the end; what still reads the same is numbered.

    >>> told_apart({1: "Report, volume 1", 2: "Report, volume 2", 3: "Memo", 4: "Memo"}, 12)
    {1: 'Report,…me 1', 2: 'Report,…me 2', 3: 'Memo', 4: 'Memo (2)'}
    """
    labels: dict[T, str] = {}
    used: set[str] = set()
    for option, name in names.items():
        whole = visible(name, _LONGEST_NAME)
        end = longest * 2 // 5
        short = whole if len(whole) <= longest else f"{whole[: longest - end - 1]}…{whole[-end:]}"
        label, number = short, 1
        while label in used:
            number += 1
            label = f"{short} ({number})"
        used.add(label)
        labels[option] = label
    return labels
