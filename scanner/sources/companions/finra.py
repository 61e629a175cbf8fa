"""What was reported off the exchanges on a day, by name, and how much of it was sold short: one file for all names.

Its volume is of the reporting facilities alone, and its short sales are mostly market makers'; it is posted in the
evening, so that it tells of the session before. Shares may be fractions.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from scanner.market.symbology import plain_ticker
from scanner.sources.access import VendorError, refusal
from scanner.sources.base import SourceSettings
from scanner.sources.live import open_access
from scanner.sources.registry import COMPANIONS

OffExchange = tuple[str, date, float, float]
_HEADING = "Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume"
_CELLS = 5


class DailyVolume:
    """Asks for the file of a day."""

    def __init__(self, settings: SourceSettings) -> None:
        self._access, self.pace, _ = open_access(COMPANIONS["finra"], settings, None, whole_timeout=30.0, attempts=2)

    def of(self, day: date, names: Iterable[str]) -> list[OffExchange]:
        """Name, day, shares and those sold short, of the names that are in it. Raises VendorError and HttpError."""
        answer = self._access.get(f"/equity/regsho/daily/CNMSshvol{day:%Y%m%d}.txt")
        if answer.status != 200:
            raise refusal(self._access, answer)
        return daily_volume(answer.body.decode("utf-8", "replace"), day, names)


def daily_volume(text: str, day: date, names: Iterable[str]) -> list[OffExchange]:
    """The rows of some names. Raises VendorError where it is no such file, or of another day."""
    lines = text.splitlines()
    if not lines or not lines[0].startswith(_HEADING):
        raise VendorError(f"finra answers with no table, but {text[:80]!a}", "unreadable")
    wanted = {plain_ticker(name): name for name in names}
    found = []
    for line in lines[1:]:
        cells = line.split("|")
        # The last line is a count, or a row of totals.
        if len(cells) < _CELLS or plain_ticker(cells[1]) not in wanted:
            continue
        try:
            short, total = float(cells[2]), float(cells[4])
        except ValueError as error:
            raise VendorError(f"a line of finra's table cannot be read: {line[:80]!a}", "unreadable") from error
        if cells[0] != f"{day:%Y%m%d}" or not 0 <= short <= total:
            raise VendorError(f"a line of finra's table is not what it should be: {line[:80]!a}", "unreadable")
        found.append((wanted[plain_ticker(cells[1])], day, total, short))
    return found
