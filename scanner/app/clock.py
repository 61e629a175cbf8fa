"""The clock of the application: read here and nowhere further in."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from scanner.market.calendar import NEW_YORK


def right_now() -> datetime:
    """What time it is, UTC."""
    return datetime.now(UTC)


def on_the_exchange(instant: datetime) -> str:
    """An instant as New York's clock shows it, to the second: ``2026-08-21 16:20:07 EDT``."""
    return instant.astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M:%S %Z")


def countdown(limit: timedelta) -> Callable[[], float]:
    """What is left of a span that begins now, in seconds, by a clock that nobody sets; below zero once it is over."""
    ends = time.monotonic() + limit.total_seconds()
    return lambda: ends - time.monotonic()


def weekday(instant: datetime) -> str:
    """An instant of the coming days by New York's clock: ``Mon 09:30``."""
    return instant.astimezone(NEW_YORK).strftime("%a %H:%M")
