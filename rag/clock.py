"""When a day begins by the clock of this machine."""

from __future__ import annotations

from datetime import UTC, date, datetime, time


def midnight(day: date) -> datetime:
    """Return when a day begins here, with the offset that the clock has then: it need not be today's.

    Where the clock is put forward at midnight, the day begins an hour later.
    """
    return datetime.fromtimestamp(datetime.combine(day, time.min).timestamp(), UTC).astimezone()
