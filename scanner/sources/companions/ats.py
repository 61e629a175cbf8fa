"""What traded on alternative trading systems ("dark pools") in a week, by name: FINRA's weekly summaries.

A week of the largest stocks (tier 1) is published two weeks after it, one of all others four: it tells what is usual of
a name, never what goes on in it. Names are not asked for one by one, for a tier's week is a few pages of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from scanner.market.symbology import plain_ticker
from scanner.sources.access import VendorError, parsed, refusal
from scanner.sources.base import SourceSettings
from scanner.sources.live import open_access
from scanner.sources.registry import COMPANIONS

# Weeks from the Monday of a week to the day on which its summary is out, by tier.
PUBLISHED_AFTER: Mapping[str, int] = {"T1": 3, "T2": 5}
_PATH = "/data/group/otcMarket/name/weeklySummary"
_SYMBOL, _SHARES, _TRADES = "issueSymbolIdentifier", "totalWeeklyShareQuantity", "totalWeeklyTradeCount"
_WEEK, _TIER, _KIND = "weekStartDate", "tierIdentifier", "summaryTypeCode"
# By name, all systems together.
_BY_NAME = "ATS_W_SMBL"
_PAGE, _MOST_PAGES = 5000, 20


@dataclass(frozen=True, slots=True)
class Week:
    """What traded on such systems in one name, in the week that began on a Monday."""

    underlying: str
    week: date
    shares: int
    trades: int | None


@dataclass(frozen=True, slots=True)
class TierWeek:
    """A tier's week of some names; ``published`` tells whether it is out, for then it holds other names at least."""

    weeks: tuple[Week, ...]
    published: bool


def newest_week(tier: str, today: date) -> date:
    """The Monday of the newest week whose summary should be out."""
    day = today - timedelta(weeks=PUBLISHED_AFTER[tier])
    return day - timedelta(days=day.weekday())


class WeeklyVolume:
    """Asks for the weeks of a tier."""

    def __init__(self, settings: SourceSettings) -> None:
        self._access, self.pace, _ = open_access(
            COMPANIONS["finra-ats"], settings, None, whole_timeout=30.0, attempts=2
        )

    def of(self, tier: str, week: date, names: Iterable[str]) -> TierWeek:
        """The week of some names, as far as they are of the tier. Raises VendorError and HttpError."""
        wanted = {plain_ticker(name): name for name in names}
        found: dict[str, Week] = {}
        published = False
        for page in self._pages(tier, week):
            published = published or bool(page)
            for entry in page:
                one = _week_of(entry, week, wanted)
                if one is not None and found.setdefault(one.underlying, one) != one:
                    raise VendorError(f"finra-ats tells two volumes of {one.underlying} in one week", "unreadable")
        return TierWeek(tuple(found.values()), published)

    def _pages(self, tier: str, week: date) -> Iterator[list[Any]]:
        """Page by page to the last, which is not full. Raises VendorError."""
        for number in range(_MOST_PAGES):
            page = self._asked(tier, week, number * _PAGE)
            yield page
            if len(page) < _PAGE:
                return
        raise VendorError(f"finra-ats has more than {_MOST_PAGES} pages of a week", "unreadable")

    def _asked(self, tier: str, week: date, offset: int) -> list[Any]:
        equal = {_WEEK: f"{week}", _TIER: tier, _KIND: _BY_NAME}
        answer = self._access.post(
            _PATH,
            {
                "limit": _PAGE,
                "offset": offset,
                "fields": [_SYMBOL, _SHARES, _TRADES, _WEEK, _TIER, _KIND],
                "compareFilters": [
                    {"fieldName": name, "fieldValue": value, "compareType": "EQUAL"} for name, value in equal.items()
                ],
            },
        )
        if answer.status == 204:
            return []
        if answer.status != 200:
            raise refusal(self._access, answer)
        page = parsed(answer)
        if not isinstance(page, list) or len(page) > _PAGE:
            raise VendorError("finra-ats answers with no list of names", "unreadable")
        return page


def _week_of(entry: Any, week: date, wanted: Mapping[str, str]) -> Week | None:
    """A name's week out of an entry; None where it is another name's. Raises VendorError where it cannot be read."""
    if not isinstance(entry, dict):
        raise VendorError("an entry of finra-ats is no object", "unreadable")
    symbol = entry.get(_SYMBOL)
    name = wanted.get(plain_ticker(symbol)) if isinstance(symbol, str) else None
    if name is None:
        return None
    shares = _count(entry.get(_SHARES))
    if shares is None or entry.get(_WEEK) != f"{week}" or entry.get(_KIND, _BY_NAME) != _BY_NAME:
        raise VendorError(f"finra-ats: what it tells of {name} is not what was asked for", "unreadable")
    return Week(name, week, shares, _count(entry.get(_TRADES)))


def _count(value: Any) -> int | None:
    """A whole number that is not negative; None where a value is none."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if number and 0 <= value < 2**53 and value % 1 == 0 else None
