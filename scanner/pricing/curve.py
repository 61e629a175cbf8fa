"""The risk-free curve: daily US Treasury par yields, built in for use without a network and carried on by newer files.

The built-in table is the Treasury's daily par yield curve (public domain); :attr:`Curve.last_date` says how far it
reaches. A session uses the newest row at or before it. After the last row the curve stays as it was on that day, and
before the first row as on the first: :meth:`Curve.source` states which row serves a session, so that it can be shown.
"""

from __future__ import annotations

import csv
import io
import math
import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanner.errors import PricingError

Floats = NDArray[np.float64]

_BUILT_IN = Path(__file__).parent / "data" / "treasury_par_yields.csv"
_TENOR = re.compile(r"^(\d+(?:\.\d+)?) (Mo|Yr)(?:nth)?$")
_MONTH = 1.0 / 12.0
# The Treasury publishes on business days in the afternoon; a few days without a row are weekends and holidays.
_FRESH = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Curve:
    """Par yields by day. ``dates`` ascending; ``tenors`` in years, ascending; ``yields`` (days, tenors) as fractions.

    NaN marks a tenor the Treasury did not publish that day.
    """

    dates: tuple[date, ...]
    tenors: Floats
    yields: Floats

    @property
    def last_date(self) -> date:
        """The newest day the curve knows."""
        return self.dates[-1]

    def is_stale(self, session: date) -> bool:
        """Whether the day that serves a session is not of about its time."""
        used = self.dates[self._row(session)]
        return used != date.min and (session < used or session - used > _FRESH)

    def source(self, session: date) -> str:
        """Which day's curve serves a session, in words for a person."""
        used = self.dates[self._row(session)]
        if session < used:
            return f"Treasury curve of {used}, the oldest known, for a session before it"
        if session - used > _FRESH:
            return f"Treasury curve of {used}, the newest known, {(session - used).days} days before the session"
        return f"Treasury curve of {used}"

    def rates(self, session: date, years: Floats) -> Floats:
        """Continuous rates per year for maturities in years: linear between tenors, flat beyond the ends.

        A par yield ``y`` compounds twice a year, so the continuous rate is ``2 ln(1 + y / 2)``. Up to a year Treasury
        par yields are zero rates; beyond it the difference from a bootstrapped zero curve is a few basis points.
        """
        row = self.yields[self._row(session)]
        known = ~np.isnan(row)
        continuous = 2.0 * np.log1p(row[known] / 2.0)
        return np.asarray(np.interp(years, self.tenors[known], continuous), dtype=np.float64)

    def _row(self, session: date) -> int:
        return max(bisect_right(self.dates, session) - 1, 0)


@lru_cache(maxsize=1)
def built_in() -> Curve:
    """The curve that ships with the package."""
    return read(_BUILT_IN)


def refreshed(*paths: Path) -> Curve:
    """The built-in curve, carried on by newer files of the Treasury."""
    return read(_BUILT_IN, *paths)


def flat(rate: float) -> Curve:
    """A curve with one continuous rate at every maturity and on every day."""
    par = 2.0 * np.expm1(rate / 2.0)
    return Curve((date.min,), np.array([_MONTH]), np.array([[par]]))


def read(*paths: Path) -> Curve:
    """Join the Treasury's own CSV files (any years, any columns, newest or oldest first); later files win.

    Raises PricingError naming the file and what is wrong with it.
    """
    try:
        return parse({str(path): path.read_text("utf-8-sig") for path in paths})
    except (OSError, UnicodeDecodeError) as error:
        where = ", ".join(map(str, paths[-1:]))
        raise PricingError(f"{where}: cannot be read ({error}); `scanner curve --refresh` writes one") from error


def parse(texts: Mapping[str, str]) -> Curve:
    """As :func:`read`, from the files' texts by their names.

    Columns are found by their headings, for the set of tenors changed over the years.
    """
    rows: dict[date, dict[float, float]] = {}
    for name, text in texts.items():
        rows |= _rows(name, text)
    if not rows:
        raise PricingError(f"{', '.join(texts)}: no row with a yield; expected the Treasury's daily CSV")
    dates = tuple(sorted(rows))
    tenors = sorted({tenor for row in rows.values() for tenor in row})
    yields = np.array([[rows[day].get(tenor, np.nan) for tenor in tenors] for day in dates])
    return Curve(dates, np.array(tenors), yields)


def to_csv(curve: Curve, after: date) -> str:
    """The days after a date in the Treasury's own form, newest first."""
    heading = [f"{12 * tenor:g} Mo" if tenor < 1.0 else f"{tenor:g} Yr" for tenor in curve.tenors.tolist()]
    lines = [",".join(["Date", *heading])]
    for day, row in zip(reversed(curve.dates), reversed(curve.yields.tolist()), strict=True):
        if day > after:
            lines.append(
                ",".join([f"{day:%m/%d/%Y}", *("" if math.isnan(value) else f"{100 * value:.2f}" for value in row)])
            )
    return "\n".join(lines) + "\n"


def _rows(name: str, text: str) -> dict[date, dict[float, float]]:
    """One file's yields by day and tenor; days on which nothing was published are left out."""
    try:
        reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), restval="")
        tenors = {column: tenor for column in reader.fieldnames or () if (tenor := _tenor(column)) is not None}
        if "Date" not in (reader.fieldnames or ()) or not tenors:
            raise PricingError(f"{name}: expected the columns `Date` and tenors such as `3 Mo` or `2 Yr`")
        read = {_day(row["Date"]): {t: _yield(row[n]) for n, t in tenors.items() if row[n]} for row in reader}
    except (ValueError, OverflowError, csv.Error) as error:
        raise PricingError(f"{name}: not the Treasury's daily par yield file ({error})") from error
    return {day: yields for day, yields in read.items() if yields}


def _tenor(name: str) -> float | None:
    """A column's maturity in years: ``1.5 Month``, ``3 Mo``, ``10 Yr``; None for any other column."""
    match = _TENOR.match(name.strip())
    if match is None:
        return None
    return float(match[1]) * (_MONTH if match[2] == "Mo" else 1.0)


def _yield(percent: str) -> float:
    """A fraction from a percentage; ValueError for what no yield has been, such as infinity."""
    fraction = float(percent) / 100
    if not -1.0 < fraction < 1.0:
        raise ValueError(f"a yield of {percent!r} percent")
    return fraction


def _day(text: str) -> date:
    """ISO 8601, or the Treasury's MM/DD/YYYY."""
    if "/" in text:
        month, day, year = map(int, text.split("/"))
        return date(year, month, day)
    return date.fromisoformat(text)
