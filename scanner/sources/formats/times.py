"""Vendors' ways of writing a moment or a day, as instants in UTC and as dates.

Understood are ISO 8601 with and without seconds, fractions and offsets, a named zone behind it (``EDT``, ``GMT-4``,
``America/New_York``), Unix time in seconds to nanoseconds (told by its size), ``8/20/2026 1:45 PM`` and dates written
out in many languages (:mod:`scanner.sources.formats.languages`). A date of numbers alone that may be read in two ways
is not understood. Nothing here reports: what comes back null though it was given is for the caller to tell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl

from scanner.market import chain
from scanner.market.calendar import FIRST, LAST, NEW_YORK
from scanner.sources.blanks import AROUND_VALUES
from scanner.sources.formats import languages

_ISO_PLAIN = "%Y-%m-%d %H:%M:%S%.f"
_EPOCH = re.compile(r"-?\d+(\.\d*)?(e\+?\d+)?", re.IGNORECASE)
# Unix time grows by three digits from unit to unit; in seconds it has ten digits from 2001 to 2286.
_EPOCH_UNITS = ((10, 1), (13, 10**3), (16, 10**6), (19, 10**9))
_COMPACT = re.compile(r"(\d{8})[T _]?(\d{4}|\d{6})")
_ZONE_NAME = re.compile(r" ?\[?(?P<name>[A-Z][A-Za-z]+/[A-Za-z_]+(?:/[A-Za-z_]+)?)\]?$")
_ZONE_OFFSET = re.compile(r"[(\[]?\b(?:GMT|UTC) ?(?P<sign>[+-])(?P<hours>\d{1,2}):?(?P<minutes>\d{2})?[)\]]?(?!\d)")
_ZONE_LETTERS = re.compile(r"(?<=[\d .(\[])(?P<letters>[A-Z]{2,5})(?=[)\] ]|$)")
_CLOCK = re.compile(r"(?<!\d)(\d{1,2})(?: ?[:h] ?|\.)(\d{2})(?:[:.](\d{2})(?:\.\d+)?)?(?![\d.]*\d)")
_BARE_OFFSET = re.compile(r"(?<=[\d]) ?(?P<sign>[+-])(?P<hours>\d{2}):?(?P<minutes>\d{2})?$")
_SLASHED = re.compile(r" *(\d{1,2})/(\d{1,2})/\d{4}(?!\d)")
# RFC 3339 allows both letters of its form in either case.
_SMALL_LETTERS = re.compile(r"(?<=\d)t(?=\d)|(?<=[\d ])z$")
_KNOWN = (datetime(FIRST.year, 1, 1, tzinfo=UTC), datetime(LAST.year + 1, 1, 1, tzinfo=UTC))
_KNOWN_MICROSECONDS = tuple(round(moment.timestamp() * 1e6) for moment in _KNOWN)
NOT_UNDERSTOOD = f"no time from {FIRST.year} to {LAST.year} in a form that is known"
_LETTERS: dict[str, tzinfo] = {
    "ET": NEW_YORK,
    "UTC": UTC,
    "GMT": UTC,
    **{
        name: timezone(timedelta(hours=hours))
        for hours, names in {
            -7: ("MST", "PDT"),
            -8: ("PST",),
            -6: ("MDT",),
            -5: ("EST", "CDT", "HNE"),
            -4: ("EDT", "HAE"),
            1: ("CET", "MEZ"),
            2: ("CEST", "MESZ"),
            8: ("HKT",),
            9: ("JST", "KST"),
        }.items()
        for name in names
    },
}


def instants(column: pl.Series, zone: str) -> pl.Series:
    """A column of text, numbers or moments as UTC; times that name no zone are of ``zone``. Null where not understood.

    The doubled hour of autumn counts as summer's, the hour that spring skips is no time. A moment outside the years of
    the exchange's calendar is none that a chain can be of.
    """
    if isinstance(column.dtype, pl.Datetime):
        given = column.cast(pl.Datetime("us", column.dtype.time_zone))
        moments = pl.col("given")
        zoned = moments.dt.convert_time_zone("UTC") if column.dtype.time_zone else _zoned(moments, zone)
        return _in_known_years(given.to_frame("given").select(zoned).to_series().alias(column.name))
    if column.dtype.is_temporal():
        return pl.Series(column.name, [None] * len(column), dtype=chain.INSTANT)
    if column.null_count() == len(column):
        return pl.Series(column.name, [None] * len(column), dtype=chain.INSTANT)
    text = column if column.dtype.is_numeric() else as_text(column)
    if column.dtype.is_numeric():
        read = _since_1970(column)
    else:
        read = text.to_frame("given").select(_written_as_iso(pl.col("given"), zone)).to_series().alias(column.name)
    if read.null_count() > text.null_count():
        odd = read.is_null() & text.is_not_null()
        strange = as_text(text.filter(odd))
        order = order_of_slashed(strange.unique()) or "slash"
        read = read.scatter(
            odd.arg_true(), each(strange, lambda one: moment(one, ZoneInfo(zone), order), chain.INSTANT)
        )
    return _in_known_years(read)


def _written_as_iso(text: pl.Expr, zone: str) -> pl.Expr:
    """ISO 8601 with a clock as UTC, null where it is anything else; what names no offset is of ``zone``."""
    plain = text.str.strip_chars(AROUND_VALUES).str.replace("T", " ", literal=True)
    local = _zoned(plain.str.to_datetime(_ISO_PLAIN, strict=False, time_unit="us"), zone)
    offset = plain.str.replace("Z$", "+00:00").str.to_datetime(f"{_ISO_PLAIN}%z", strict=False, time_unit="us")
    return pl.coalesce(local, offset.dt.convert_time_zone("UTC"))


def _since_1970(numbers: pl.Series) -> pl.Series:
    """Unix time, in the unit that the count of its whole digits tells; null where it is of none."""
    value = numbers.cast(pl.Float64).to_numpy()
    microseconds = np.full(len(value), np.nan)
    for digits, unit in _EPOCH_UNITS:
        of_unit = (value >= 10.0 ** (digits - 1)) & (value < 10.0**digits)
        microseconds[of_unit] = np.round(value[of_unit] / unit * 1e6)
    read = pl.Series(numbers.name, microseconds, nan_to_null=True)
    return read.cast(pl.Int64).cast(chain.INSTANT)


def _in_known_years(read: pl.Series) -> pl.Series:
    """The moments without those outside the years of the exchange's calendar."""
    if read.null_count() == len(read):
        return read
    # As the numbers they are kept as: Python cannot even say what is beyond the year 9999.
    numbers = read.cast(pl.Int64)
    least, most = numbers.min(), numbers.max()
    if _KNOWN_MICROSECONDS[0] <= least and most <= _KNOWN_MICROSECONDS[1]:  # type: ignore[operator]
        return read
    return read.set(~read.is_between(*_KNOWN).fill_null(value=True), None)


def _zoned(local: pl.Expr, zone: str) -> pl.Expr:
    return local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")


def order_of_slashed(texts: Iterable[str | None]) -> languages.Order | None:
    """What comes first in dates like ``8/20/2026``, as far as some of them can be read in one way only."""
    firsts = [found.groups() for text in texts if text is not None and (found := _SLASHED.match(text))]
    months = any(int(second) > 12 for _, second in firsts)
    days = any(int(first) > 12 for first, _ in firsts)
    return None if months == days else "month" if months else "day"


def days(column: pl.Series) -> pl.Series:
    """A column of dates or moments as dates; null where it has other types, or years that no calendar of ours has."""
    if column.dtype not in (pl.Date, pl.Datetime, pl.Null):
        return pl.Series(column.name, [None] * len(column), dtype=pl.Date)
    read = column.cast(pl.Date)
    return read.set(~read.is_between(date.min, date.max).fill_null(value=True), None)


def as_text(column: pl.Series) -> pl.Series:
    """A column as text; null where it holds what no text stands for, such as lists."""
    if column.dtype.is_nested() or column.dtype == pl.Object:
        return pl.Series(column.name, [None] * len(column), dtype=pl.String)
    if column.dtype in (pl.Date, pl.Datetime):
        column = column.set(~column.cast(pl.Date).is_between(date.min, date.max).fill_null(value=True), None)
    return column.cast(pl.String, strict=False)


def each(column: pl.Series, convert: Callable[[str], object], dtype: pl.DataType | type[pl.DataType]) -> pl.Series:
    """A column of text converted once for each distinct value."""
    distinct = [value for value in chain.distinct(column) if value is not None]
    if not distinct:
        return pl.Series(column.name, [None] * len(column), dtype=dtype)
    converted = pl.Series([convert(value) for value in distinct], dtype=dtype)
    if column.dtype == dtype and converted.to_list() == distinct:
        return column
    if len(distinct) == 1 and not column.null_count():
        return converted.new_from_index(0, len(column)).alias(column.name)
    if len(column) <= chain.SHORT:
        known = dict(zip(distinct, converted.to_list(), strict=True))
        return pl.Series(column.name, [known.get(value) for value in column.to_list()], dtype=dtype)
    return column.replace_strict(distinct, converted, default=None, return_dtype=dtype)


def moment(text: str, zone: tzinfo, ambiguous: languages.Order = "slash") -> datetime | None:
    """One moment as UTC; None where it is not understood. ``zone`` is that of times which name none.

    ``ambiguous`` is as in :func:`scanner.sources.formats.languages.read_date`.
    """
    if languages.is_no_date(text):
        return None
    text = _SMALL_LETTERS.sub(lambda found: found[0].upper(), languages.plain(text))
    try:
        if _EPOCH.fullmatch(text):
            return _epoch(text) or _compact(text, zone)
        named, text = _named_zone(text)
        local = _iso(text) or _compact(text, zone) or _written(text, ambiguous)
        return None if local is None else _in_zone(local, named or zone)
    except (ValueError, OverflowError, ZoneInfoNotFoundError, OSError):
        return None


def day(text: str, ambiguous: languages.Order = "month") -> date | None:
    """One date, with or without a time behind it; None where it is not understood.

    ``8/9/2026`` is August, as Americans write it, unless ``ambiguous`` says otherwise.
    """
    if languages.is_no_date(text):
        return None
    text = _SMALL_LETTERS.sub(lambda found: found[0].upper(), languages.plain(text))
    try:
        if _EPOCH.fullmatch(text):
            digits = text.partition(".")[0]
            if len(digits) == len("20260828"):
                return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
            found = _epoch(text)
            return None if found is None else found.date()
        clocked = _iso(text)
        if clocked is not None:
            return clocked.date()
        _, text = _named_zone(text)
        text, _ = _without_clock(text)
        return languages.read_date(text, ambiguous=ambiguous)
    except (ValueError, OverflowError, ZoneInfoNotFoundError, OSError):
        return None


def _epoch(text: str) -> datetime | None:
    """Unix time in the unit that its number of digits tells; None for other numbers, which may be dates."""
    whole = str(int(float(text))) if "e" in text.lower() else text.partition(".")[0]
    for digits, unit in _EPOCH_UNITS:
        if len(whole) == digits:
            seconds = float(text) if unit == 1 else int(whole) / unit
            return datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)
    return None


def _compact(text: str, zone: tzinfo) -> datetime | None:
    """``20260820 153000``, with or without something between the date and the time."""
    found = _COMPACT.fullmatch(text)
    if found is None:
        return None
    pattern = "%Y%m%d%H%M%S" if len(found[2]) == len("153000") else "%Y%m%d%H%M"
    local = datetime.strptime(found[1] + found[2], pattern)  # noqa: DTZ007 - the zone is given next
    return _in_zone(local, zone)


def _iso(text: str) -> datetime | None:
    """ISO 8601 with a clock; a bare date is no moment."""
    if ":" not in text and not re.match(r"\d{8}T\d{4}", text):
        return None
    try:
        return datetime.fromisoformat(re.sub(r"(?<=\d) (?=[+-]\d)", "", text))
    except ValueError:
        return None


def _written(text: str, ambiguous: languages.Order) -> datetime | None:
    """A date and a clock written for people, in any order."""
    offset = _BARE_OFFSET.search(text)
    zone = None if offset is None else _offset(offset)
    text = text if offset is None else text[: offset.start()]
    text, clock = _without_clock(text)
    if clock is None:
        return None
    found = languages.read_date(text, ambiguous=ambiguous)
    return None if found is None else datetime.combine(found, clock, zone)


def _without_clock(text: str) -> tuple[str, time | None]:
    """The text without its clock, and the clock where there is one. Raises ValueError where it is no time of a day."""
    dateless = languages.DATE_OF_NUMBERS.sub(lambda found: "#" * len(found[0]), text)
    found = _CLOCK.search(dateless)
    if found is None:
        return text, None
    rest, half = languages.half_of_day(text[: found.start()], text[found.end() :])
    hour, minute, second = (int(part or 0) for part in found.groups())
    if half is not None:
        if not 1 <= hour <= 12:
            raise ValueError(f"no hour of half a day: {hour}")
        hour = hour % 12 + (12 if half == "pm" else 0)
    return rest, time(hour, minute, second)


def _named_zone(text: str) -> tuple[tzinfo | None, str]:
    """The zone that a text names by name, by letters or as ``GMT-4``, and the text without it."""
    for pattern, zone_of in (
        (_ZONE_NAME, lambda found: ZoneInfo(found["name"])),
        (_ZONE_OFFSET, _offset),
        (_ZONE_LETTERS, lambda found: _LETTERS.get(found["letters"])),
    ):
        for found in pattern.finditer(text):
            zone = zone_of(found)
            if zone is not None:
                return zone, f"{text[: found.start()]}{text[found.end() :]}".strip()
    return None, text


def _offset(found: re.Match[str]) -> tzinfo:
    distance = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"] or 0))
    return timezone(-distance if found["sign"] == "-" else distance)


def _in_zone(local: datetime, zone: tzinfo) -> datetime | None:
    """A wall clock's time as UTC; what names its own offset keeps it. None for the hour that spring skips."""
    if local.tzinfo is not None:
        return local.astimezone(UTC)
    instant = local.replace(tzinfo=zone).astimezone(UTC)
    return instant if instant.astimezone(zone).replace(tzinfo=None) == local else None
