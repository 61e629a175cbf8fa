"""How a value is written in ``config.yaml``: durations, amounts, hours, names; each refused in words that mend it."""

from __future__ import annotations

import math
import os
import re
from datetime import date, time, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, PlainValidator, SecretStr

from scanner import crontab
from scanner.errors import UsageError
from scanner.market import symbology
from scanner.market.calendar import known_day
from scanner.market.moments import Moment
from scanner.object_prefix import ObjectPrefix, store_place
from scanner.outputs.exports.registry import GENERIC, export_of
from scanner.sources.base import Gives
from scanner.sources.registry import COMPANIONS, companion_of, vendor_of

_DURATION = re.compile(r"^(\d{1,9})\s*(s|m|h|d)$")
_LONGEST_DURATION = timedelta(days=99_999)
_COOLDOWN = re.compile(r"^(\d{1,4})\s+sessions?$")
LONGEST_SHOWN = 60
_DURATION_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_AMOUNT = re.compile(r"^(\d+(?:\.\d+)?)\s*([kKmM])$")
_AMOUNT_UNITS = {"k": 1_000.0, "m": 1_000_000.0}
_CLOCK = r"((?:[01]\d|2[0-3]):[0-5]\d)"
_HOURS = re.compile(rf"^(?:closed|{_CLOCK}\s*-\s*{_CLOCK})$")
_DATABASE = re.compile(r"^postgresql(\+psycopg)?://\S+$")
_SPAN = re.compile(rf"^{_CLOCK}\s*-\s*{_CLOCK}$")
_SYMBOL = re.compile(r"^[$^_]?[A-Z0-9][A-Z0-9.\-/]{0,9}$")


def _duration(value: object) -> object:
    match = _DURATION.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(
            f"{shown(value)} is not a duration; write a whole number and s, m, h or d, such as 15m or 400d"
        )
    duration = timedelta(**{_DURATION_UNITS[match[2]]: int(match[1])})
    if duration > _LONGEST_DURATION:
        raise ValueError(f"{shown(value)} is longer than {_LONGEST_DURATION.days}d")
    return duration


def shown(value: object) -> str:
    """A value as an error shows it: on one line, and not at any length."""
    said = repr(value)
    return said if len(said) <= LONGEST_SHOWN else f"{said[:LONGEST_SHOWN]}..."


def _usable_path(path: Path) -> Path:
    """A path that can be asked for, ``~`` spelled out. Raises ValueError for what no file system takes."""
    text = str(path)
    try:
        os.fsencode(text)
    except ValueError:
        raise ValueError(f"{shown(text)} is no path: it holds characters that no file name may have") from None
    if not text.isprintable():
        raise ValueError(f"{shown(text)} is no path: it holds control characters; take them out")
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError(f"{shown(text)}: no such home folder is known; write the whole path") from None


def _symbol(value: object) -> object:
    if isinstance(value, str) and _SYMBOL.match(symbology.ticker(value)):
        return symbology.ticker(value)
    mend = "" if isinstance(value, str) else "; write one that YAML takes for something else in quotes, such as 'TRUE'"
    raise ValueError(f"{shown(value)} is not a ticker symbol{mend}")


def _day(value: object) -> object:
    try:
        day = date.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"{shown(value)} is not a date such as 2027-03-12") from None
    return known_day(day)


def _hours(value: object) -> object:
    match = _HOURS.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{shown(value)}: write `closed`, or the hours in New York, such as 09:30-13:00")
    opens, closes = (None if part is None else time.fromisoformat(part) for part in match.groups())
    if opens is not None and closes is not None and opens >= closes:
        raise ValueError(f"{shown(value)}: the session would close before it opens")
    return None if opens is None else (opens, closes)


def _vendor(value: object) -> object:
    return value if str(value) in COMPANIONS else _source(value)


def companions_of(kind: Gives) -> AfterValidator:
    """Holds names to be of vendors that give one kind of what stands beside chains."""

    def check(names: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(companion_of(kind, name[:LONGEST_SHOWN]).name for name in names)
        except UsageError as error:
            raise ValueError(str(error)) from error

    return AfterValidator(check)


def _source(value: object) -> object:
    try:
        return vendor_of(str(value)[:LONGEST_SHOWN]).name
    except UsageError as error:
        raise ValueError(str(error)) from error


def exported(dialect: object = GENERIC, form: object = None) -> None:
    """Raises ValueError where no export of that dialect and format is known."""
    try:
        export_of(str(dialect)[:LONGEST_SHOWN], None if form is None else str(form)[:LONGEST_SHOWN])
    except UsageError as error:
        raise ValueError(str(error)) from error


def _dialect(value: object) -> object:
    exported(value)
    return value


def _format(value: object) -> object:
    exported(form=value)
    return value


def _cooldown(value: object) -> object:
    match = _COOLDOWN.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{shown(value)} is not a cooldown; write a number of sessions, such as `1 session`")
    return int(match[1])


def _amount(value: object) -> object:
    match = _AMOUNT.match(value.strip()) if isinstance(value, str) else None
    if match is not None and math.isfinite(amount := float(match[1]) * _AMOUNT_UNITS[match[2].lower()]):
        return amount
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf:
        return value
    raise ValueError(f"{value!r} is not an amount; write a number of 0 or more, such as 25000, 25k or 1.5M")


def _store_place(given: object) -> Path | ObjectPrefix:
    """A folder, or a prefix in a bucket. Raises ValueError."""
    if not isinstance(given, str | Path | ObjectPrefix):
        raise ValueError(f"{shown(str(given))} is neither a folder nor the URL of a prefix in a bucket")
    try:
        place = store_place(given)
    except UsageError as error:
        raise ValueError(str(error)) from error
    return _usable_path(place) if isinstance(place, Path) else place


def _database(value: SecretStr) -> SecretStr:
    if not _DATABASE.match(value.get_secret_value()):
        raise ValueError(
            "expected the URL of a PostgreSQL database, such as postgresql://scanner:${NAME}@host/scanner; leave the "
            "key out for a file beside the store"
        )
    return value


def _digest(value: object) -> object:
    if value in ("close", "morning", None):
        return value
    try:
        gathered = _duration(value)
    except ValueError:
        gathered = None
    if not isinstance(gathered, timedelta) or not timedelta(minutes=1) <= gathered <= timedelta(days=1):
        raise ValueError(f"{shown(value)}: write how long messages are gathered, such as 30m, or close, or morning")
    return gathered


def _quiet_hours(value: object) -> object:
    match = _SPAN.match(value.strip()) if isinstance(value, str) else None
    if match is None or match[1] == match[2]:
        raise ValueError(f"{shown(value)}: write the quiet hours in New York, such as 22:00-08:00")
    return tuple(time.fromisoformat(part) for part in match.groups())


def _moment(value: str) -> str:
    Moment.parse(value)
    return value


def _crontab_line(value: str) -> str:
    crontab.trigger(value)
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Symbol = Annotated[str, BeforeValidator(_symbol)]
Symbols = Annotated[tuple[Symbol, ...], AfterValidator(symbology.each_once)]
Day = Annotated[date, BeforeValidator(_day)]
UsablePath = Annotated[Path, AfterValidator(_usable_path)]
StorePlace = Annotated[Path | ObjectPrefix, PlainValidator(_store_place)]
Hours = Annotated[tuple[time, time] | None, BeforeValidator(_hours)]
Amount = Annotated[float, BeforeValidator(_amount)]
DialectName = Annotated[str, BeforeValidator(_dialect)]
FormatName = Annotated[str, BeforeValidator(_format)]
SourceName = Annotated[str, BeforeValidator(_source)]
VendorName = Annotated[str, BeforeValidator(_vendor)]
Cooldown = Annotated[int, BeforeValidator(_cooldown)]
Lots = Annotated[int, BeforeValidator(_amount)]
Database = Annotated[SecretStr, AfterValidator(_database)]
Digest = Annotated[timedelta | Literal["close", "morning"] | None, BeforeValidator(_digest)]
QuietHours = Annotated[tuple[time, time] | None, BeforeValidator(_quiet_hours)]
MomentOfDay = Annotated[str, AfterValidator(_moment)]
CrontabLine = Annotated[str, AfterValidator(_crontab_line)]
