"""Shorthand for values over sessions in rule tests.

120            the same in every session        120x3 48210     three sessions of 120, then 48210
100+50x3       100, 150, 200                     _               missing
stale          missing, because the quality gate switched the field off
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

from scanner.fields import Field, Kind

MAX_SESSIONS = 60
STALE = "stale"
MISSING = "_"
_TOKEN = re.compile(r"(?P<start>[+-]?[\d.]+(?:e[+-]?\d+)?)(?P<step>[+-][\d.]+)?(?:x(?P<times>\d{1,2}))?")
_REPEATED = re.compile(r"(?P<what>_|stale|true|false)(?:x(?P<times>\d{1,2}))?", re.IGNORECASE)

Cell = float | int | str | bool | datetime.date | datetime.datetime | None


class SeriesError(ValueError):
    """A value in a rule test is not in the shorthand, or not of the field's kind."""


@dataclass(frozen=True, slots=True)
class Series:
    """Values of one field, one a session; ``stale`` holds the sessions (from 0) in which the gate switched it off."""

    values: tuple[Cell, ...]
    stale: frozenset[int] = frozenset()

    def at(self, session: int) -> Cell:
        """The value in a session; one value alone stands for all."""
        return self.values[0] if len(self.values) == 1 else self.values[session]

    def stale_at(self, session: int) -> bool:
        """Whether the gate switched the field off in a session."""
        return (0 if len(self.values) == 1 else session) in self.stale


def parse_series(text: str, field: Field) -> Series:
    """Read the shorthand for a field. Raises SeriesError."""
    values: list[Cell] = []
    stale: set[int] = set()
    for token in text.split() if field.kind is not Kind.text or text in (MISSING, STALE) else [text]:
        for value in _expand(token, field):
            if value == STALE and field.choices.count(STALE) == 0:
                stale.add(len(values))
                values.append(None)
            else:
                values.append(value)
    if not values or len(values) > MAX_SESSIONS:
        raise SeriesError(f"{field.name} needs between 1 and {MAX_SESSIONS} values")
    return Series(tuple(values), frozenset(stale))


def _expand(token: str, field: Field) -> list[Cell]:
    repeated = _REPEATED.fullmatch(token)
    if repeated is not None and (field.kind is Kind.flag or repeated["what"] in (MISSING, STALE)):
        word = repeated["what"].lower()
        cell: Cell = {MISSING: None, STALE: STALE}.get(word, word == "true")
        return [cell] * int(repeated["times"] or 1)
    if field.kind is Kind.text:
        return [token]
    if field.kind in (Kind.date, Kind.instant):
        return [_moment(token, field)]
    match = _TOKEN.fullmatch(token)
    if not field.numeric or match is None:
        raise SeriesError(f"{token!r} is not a value for {field.name}; write 120, 120x3, 100+50x3, _ or {STALE}")
    try:
        start, step = float(match["start"]), float(match["step"] or 0)
    except ValueError as error:
        raise SeriesError(f"{token!r} is not a number") from error
    numbers = [start + step * index for index in range(int(match["times"] or 1))]
    return [int(number) for number in numbers] if field.kind is Kind.integer else list(numbers)


def _moment(token: str, field: Field) -> Cell:
    try:
        if field.kind is Kind.date:
            return datetime.date.fromisoformat(token)
        return datetime.datetime.fromisoformat(token).astimezone(datetime.UTC)
    except ValueError as error:
        raise SeriesError(f"{token!r} is not a date for {field.name}; write 2025-09-12") from error
