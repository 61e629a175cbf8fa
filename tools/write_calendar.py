"""Write the exchange's holidays and odd hours from ``exchange_calendars``: ``python tools/write_calendar.py``.

The library takes half a second to load, and every command needs the calendar; so the package ships the weekdays that
are not regular sessions as a table. A test compares it with the installed library, and says when it is out of date.
"""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path

import exchange_calendars

from scanner.market import calendar

TABLE = Path(calendar.__file__).with_name("exchange_calendar.csv")


def table() -> str:
    """The table as text: every weekday without trading, or with hours other than 09:30 to 16:00 New York."""
    first, last = calendar.FIRST, calendar.LAST
    exchange = exchange_calendars.get_calendar("XNYS", start=first.isoformat(), end=last.isoformat())
    hours = {
        stamp.date(): tuple(instant.tz_convert(calendar.NEW_YORK).time() for instant in (row["open"], row["close"]))
        for stamp, row in exchange.schedule.iterrows()
    }
    lines = ["date,opens,closes"]
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        opens, closes = hours.get(day, (None, None))
        if day.weekday() >= 5:
            if opens is not None:
                raise ValueError(f"{day}: a session at the weekend, which the table cannot say")
        elif opens is None:
            lines.append(f"{day},,")
        elif (opens, closes) != (calendar.REGULAR_OPEN, calendar.REGULAR_CLOSE):
            lines.append(f"{day},{_clock(opens)},{_clock(closes)}")
    return "\n".join(lines) + "\n"


def _clock(at: time | None) -> str:
    assert at is not None
    return at.strftime("%H:%M")


if __name__ == "__main__":
    TABLE.write_text(table(), "utf-8")
