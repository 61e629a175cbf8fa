"""The clock of the application: read here and nowhere further in."""

from datetime import UTC, datetime


def right_now() -> datetime:
    """What time it is, UTC."""
    return datetime.now(UTC)
