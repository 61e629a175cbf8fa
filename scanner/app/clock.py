"""The clock of the application: read here and nowhere further in."""

from datetime import UTC, datetime

from scanner.market.calendar import NEW_YORK


def right_now() -> datetime:
    """What time it is, UTC."""
    return datetime.now(UTC)


def on_the_exchange(instant: datetime) -> str:
    """An instant as New York's clock shows it, to the second: ``2026-08-21 16:20:07 EDT``."""
    return instant.astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M:%S %Z")
