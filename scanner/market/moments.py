"""Moments of a session as people name them - ``open+30m``, ``close``, ``09:45`` -, regular and extended hours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal, Self

from scanner.market.calendar import Calendar, at_new_york

During = Literal["regular", "extended", "always"]

_MOMENT = re.compile(r"^(open|close)(?:\s*([+-])\s*(\d{1,3})\s*(m|h))?$")
_CLOCK = re.compile(r"^([01]?\d|2[0-3]):([0-5]\d)$")
_FURTHEST = timedelta(hours=12)
# Stocks trade from 04:00 to 20:00 New York, and until four hours after the close on half days.
_EXTENDED_OPEN = time(4, 0)
_AFTER_HOURS = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of every session: so long after (or before) its open or close, or a time of New York's clock."""

    anchor: Literal["open", "close"] | None = None
    offset: timedelta = timedelta()
    clock: time | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """``open``, ``open+30m``, ``close-1h``, ``09:45``. Raises ValueError for anything else."""
        said = text.strip()
        if match := _CLOCK.match(said):
            return cls(clock=time(int(match[1]), int(match[2])))
        match = _MOMENT.match(said)
        if match is None:
            raise ValueError(
                f"{said[:60]!r} is no moment of a session; write open, close, open+30m, close-1h or a time in New "
                "York such as 09:45"
            )
        offset = timedelta()
        if match[2]:
            offset = timedelta(minutes=int(match[3]) * (60 if match[4] == "h" else 1))
            offset = -offset if match[2] == "-" else offset
        if abs(offset) > _FURTHEST:
            raise ValueError(f"{said!r} is more than 12 hours away from the session")
        return cls(anchor="open" if match[1] == "open" else "close", offset=offset)

    def instant(self, day: date, calendar: Calendar) -> datetime:
        """The moment of one session, UTC."""
        if self.clock is not None:
            return at_new_york(day, self.clock)
        anchor = calendar.session_open(day) if self.anchor == "open" else calendar.session_close(day)
        return anchor + self.offset


def span(day: date, during: During, calendar: Calendar) -> tuple[datetime, datetime]:
    """When a session's regular or extended hours begin and end, UTC."""
    opens, closes = calendar.session_open(day), calendar.session_close(day)
    if during == "regular":
        return opens, closes
    return at_new_york(day, _EXTENDED_OPEN), closes + _AFTER_HOURS


def is_within(instant: datetime, during: During, calendar: Calendar) -> bool:
    """Whether an instant lies in the regular or extended hours of a session, both ends included."""
    if during == "always":
        return True
    # Before the open it still belongs to the session before; extended hours begin earlier than that.
    last = calendar.session_of(instant)
    spans = (span(day, during, calendar) for day in (last, calendar.next_session(last)))
    return any(begins <= instant <= ends for begins, ends in spans)
