"""A bounded memory of what was used lately."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A dict that forgets what was not used for longest. Safe from any thread."""

    def __init__(self, most: int, *, may_forget: Callable[[V], bool] = lambda value: True) -> None:
        self._most, self._may_forget = most, may_forget
        self._items: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
            return self._items.get(key)

    def __setitem__(self, key: K, value: V) -> None:
        with self._lock:
            self._items[key] = value
            self._items.move_to_end(key)
            spare = len(self._items) - self._most
            for old in [k for k, v in self._items.items() if k != key and self._may_forget(v)][: max(0, spare)]:
                del self._items[old]

    def values(self) -> list[V]:
        with self._lock:
            return list(self._items.values())

    def pop(self, key: K) -> V | None:
        with self._lock:
            return self._items.pop(key, None)
