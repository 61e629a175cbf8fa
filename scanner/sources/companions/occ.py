"""Open interest by series from the clearing house, which every vendor has it from, some a night later.

One text a name, tab separated, always the newest publication; it does not say of which close. The close of a session is
published in the evening, at about 20:00 New York: from the next session's open on it is certain which one it is, and so
it is until the session closes. In the hours between nothing is taken from it.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl

from scanner.market import symbology
from scanner.market.calendar import Calendar
from scanner.sources.access import VendorError, refusal
from scanner.sources.base import Clock, SourceSettings
from scanner.sources.live import open_access
from scanner.sources.registry import COMPANIONS

SERIES = pl.Schema(
    {"root": pl.String, "expiry": pl.Date, "strike": pl.Float64, "right": pl.String, "open_interest": pl.Int64}
)
_HEADING = "ProductSymbol"
_BANNER = "Series Search Results"
_CELLS = 11
# Hours after the close in which either the new or the old figures may be there.
_CERTAIN_UNTIL, _CERTAIN_AGAIN = timedelta(hours=2), timedelta(hours=8)


class ClearingHouse:
    """Asks for the series of one name."""

    def __init__(self, settings: SourceSettings, clock: Clock | None = None) -> None:
        del clock  # What it gives is kept beside the store as it came, and stands in no recording of a scan.
        self.vendor = COMPANIONS["occ"]
        self._access, self.pace, _ = open_access(self.vendor, settings, None, whole_timeout=20.0, attempts=2)

    def body(self, ticker: str) -> bytes:
        """The text about a name. Raises VendorError and HttpError."""
        symbol = symbology.plain_ticker(ticker)
        answer = self._access.get("/series-search", {"symbolType": "U", "symbol": symbol})
        if answer.status != 200:
            raise refusal(self._access, answer)
        series(answer.body)
        return answer.body


def series(body: bytes) -> pl.DataFrame:
    """The series of a text in the columns of ``SERIES``. Raises VendorError where it is no such text, or holds none."""
    text = body.decode("utf-8", "replace")
    lines = text.splitlines()
    start = next((number for number, line in enumerate(lines, 1) if line.startswith(_HEADING)), None)
    if start is None or _BANNER not in text[:500]:
        said = ascii(" ".join(text.split())[:120])
        raise VendorError(f"occ does not answer with series, but with {said}", "unreadable")
    rows = [row for line in lines[start:] if line.strip() for row in _of_line(line)]
    if not rows:
        raise VendorError("occ has no series of it; check the spelling", "unknown_symbol")
    return pl.DataFrame(rows, schema=SERIES, orient="row").unique(SERIES.names()[:4], keep="last", maintain_order=True)


def _of_line(line: str) -> list[tuple[str, date, float, str, int]]:
    """The call and the put of a strike, those of them that are listed. Raises VendorError."""
    cells = [cell.strip() for cell in line.split("\t")]
    try:
        root, _, year, month, day, whole, part, sides, calls, puts, *_ = cells
        expiry, strike = date(int(year), int(month), int(day)), round(int(whole) + int(part) / 1000, 3)
        listed = [(right, int(count)) for right, count in (("C", calls), ("P", puts)) if right in sides]
        if len(cells) < _CELLS or not root.isalnum() or min((count for _, count in listed), default=0) < 0:
            raise ValueError("a cell is not what it should be")
    except ValueError as error:
        raise VendorError(f"a line of occ's series cannot be read: {line[:120]!a}", "unreadable") from error
    return [(root, expiry, strike, right, count) for right, count in listed]


def of_close(asked_at: datetime, calendar: Calendar) -> date | None:
    """The session whose close an answer of a moment describes; None where the clock cannot tell."""
    session = calendar.session_of(asked_at)
    since = asked_at - calendar.session_close(session)
    if since <= _CERTAIN_UNTIL:
        return calendar.previous_session(session)
    return session if since >= _CERTAIN_AGAIN else None
