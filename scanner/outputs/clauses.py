"""What is said of a name beside an alert, each phrase in this one place.

A clause is made from what is known alone: where a figure is missing there is no clause.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, cast

from scanner import wording
from scanner.market.calendar import NEW_YORK
from scanner.outputs.text import printable

# Changes of volatility, as parts of what it was: below each, what it did when it rose and when it fell.
_STEPS = (
    (0.01, "did not move", "did not move"),
    (0.04, "hardly lifted", "slipped"),
    (0.10, "lifted", "fell"),
    (float("inf"), "jumped", "collapsed"),
)
# So rare for the name is a change that is one step more than its size says.
_RARE_CHANGE = 2.0
FLAT = 0.0005
_USUAL, _BUSY = 1.0, 2.0
NOT_RARE, MOVED = 3.0, 0.05
_EXPIRING = 0.5
_LONGEST_WORDS = 80
_RARE_PRINT = 1.0


def clauses(
    name: str, context: Mapping[str, Any], session: date, expiry: date | None = None, seen: datetime | None = None
) -> Iterator[str]:
    """What can be said of a name, the most telling first; ``expiry`` is the last day that the dates matter for.

    ``seen`` is when the flow was first seen, which news were before or after.
    """
    if _is_of_a_week(context):
        # What took days to build up stands beside what the name did in them.
        yield f"{name}'s week: {_move(cast('float', week(context)))}"
        moves = volatility({**context, "iv30_change": context["iv30_change_week"], "iv30_change_surprise": None})
    else:
        moved = returns(context)
        yield f"{name} {moved}" if moved is not None else f"{name}: return not known"
        moves = volatility(context)
    told = (*news(context, seen), dark_pool(context), moves, back_end(context), put_call(context))
    yield from (clause for clause in (*told, earnings(context, session, expiry)) if clause is not None)


def short(context: Mapping[str, Any]) -> Iterator[str]:
    """The same in few words, for a line that has no room: ``week -0.5 %``, ``vol fell``, ``back end quiet``."""
    day, moved = context.get("spot_change"), week(context)
    if moved is not None:
        yield f"week {_move(moved)}"
    elif day is not None:
        yield f"day {_move(day)}"
    of_week = _is_of_a_week(context)
    level, change = context.get("iv30"), context.get("iv30_change_week" if of_week else "iv30_change")
    surprise = None if of_week else context.get("iv30_change_surprise")
    if level is not None and change is not None and level > change:
        yield f"vol {lift(change, level - change, surprise)}"
    end = back_end(context)
    if end is not None:
        yield end


def returns(context: Mapping[str, Any]) -> str | None:
    """``-0.8 %, week -0.5 %, year +12.3 %``."""
    day = context.get("spot_change")
    parts = [] if day is None else [_move(day)]
    for word, change in (("week", week(context)), ("year", context.get("spot_change_ytd"))):
        if change is not None:
            parts.append(f"{word} {_move(change)}")
    return ", ".join(parts) or None


def week(context: Mapping[str, Any]) -> float | None:
    """The return of seven days; of five sessions where no more is known, as alerts told before there was the other."""
    moved = context.get("spot_change_week")
    return context.get("spot_change_5") if moved is None else moved


def _is_of_a_week(context: Mapping[str, Any]) -> bool:
    """Whether what is told built up over several sessions, and what the name did in the week is known."""
    sessions = context.get("story", {}).get("sessions", 1)
    return sessions > 1 and week(context) is not None and context.get("iv30_change_week") is not None


def _move(change: float) -> str:
    return "flat" if abs(change) < FLAT else wording.percent(change, signed=True)


def volatility(context: Mapping[str, Any]) -> str | None:
    """``volatility hardly lifted (27.8 %, +0.7)``; the level alone where the day before is not known."""
    level, change = context.get("iv30"), context.get("iv30_change")
    if level is None:
        return None
    if change is None or level - change <= 0:
        return f"volatility {wording.percent(level)}"
    words = lift(change, level - change, context.get("iv30_change_surprise"))
    return f"volatility {words} ({wording.percent(level)}, {wording.points(change).removesuffix(' points')})"


def lift(change: float, before: float, surprise: float | None = None) -> str:
    """What a volatility did, in words, by its change as a part of what it was; one step more where that is rare."""
    size = abs(change) / before
    step = next(place for place, (below, *_) in enumerate(_STEPS) if size < below)
    if surprise is not None and surprise >= _RARE_CHANGE:
        step = min(step + 1, len(_STEPS) - 1)
    _, rose, fell = _STEPS[step]
    return rose if change >= 0 else fell


def back_end(context: Mapping[str, Any]) -> str | None:
    """How busy everything beyond 14 days is for the name: quiet, ordinary, busier, busy too."""
    surprise, ratio = context.get("back_end_surprise"), context.get("back_volume_ratio_20")
    if surprise is None:
        return None
    if surprise < _USUAL:
        return "back end quiet" if ratio is not None and ratio < 1 else "back end ordinary"
    return "back end busier" if surprise < _BUSY else "back end busy too"


def put_call(context: Mapping[str, Any]) -> str | None:
    """``put/call 0.79 (0.84)``, that of the session before in brackets."""
    now, before = context.get("put_call_volume"), context.get("put_call_volume_prev")
    if now is None:
        return None
    return f"put/call {now:.2f}" + ("" if before is None else f" ({before:.2f})")


def put_call_moved(context: Mapping[str, Any]) -> str | None:
    """``put/call rose to 0.70 from 0.58, in itself not rare``; None where it did not move."""
    now, before = context.get("put_call_volume"), context.get("put_call_volume_prev")
    if now is None or before is None or abs(now - before) < MOVED:
        return None
    surprise = context.get("put_call_surprise")
    rare = surprise is not None and surprise >= NOT_RARE
    moved = f"put/call {'rose' if now > before else 'fell'} to {now:.2f} from {before:.2f}"
    return moved if rare else f"{moved}, in itself not rare"


def news(context: Mapping[str, Any], seen: datetime | None = None) -> Iterator[str]:
    """``halted 10:32 (volatility pause), after the flow``, ``8-K: results filed 16:05``, by New York time."""
    for at, words in (
        ("halted_at", "halted {clock} ({halt_reason})"),
        ("filed_at", "{filing} filed {clock}"),
        ("headline_at", 'headline {clock} "{headline}"'),
    ):
        if context.get(at) is not None:
            moment = _instant(context[at])
            told = {name: _brief(context.get(name)) for name in ("halt_reason", "filing", "headline")}
            said = words.format(clock=f"{moment.astimezone(NEW_YORK):%H:%M}", **told)
            yield said if seen is None else f"{said}, {order(moment, seen)}"


def dark_pool(context: Mapping[str, Any]) -> str | None:
    """``250,000 shares in one print off the exchanges (1 in 40)``, where that is rare for the name."""
    largest, surprise = context.get("dark_pool_largest"), context.get("dark_pool_surprise")
    if largest is None or surprise is None or surprise < _RARE_PRINT:
        return None
    return f"{largest:,} shares in one print off the exchanges ({wording.chance(surprise)})"


def _brief(text: Any) -> str:
    """A stranger's words in a clause, which others stand beside."""
    line = printable(str(text))
    return line if len(line) <= _LONGEST_WORDS else f"{line[:_LONGEST_WORDS].rstrip()}..."


def order(moment: datetime, seen: datetime) -> str:
    """Whether something came before a flow was first seen, or after."""
    return "before the flow" if moment <= seen else "after the flow"


def _instant(moment: Any) -> datetime:
    """A moment, or one written as ISO 8601."""
    return datetime.fromisoformat(moment) if isinstance(moment, str) else cast("datetime", moment)


def earnings(context: Mapping[str, Any], session: date, expiry: date | None) -> str | None:
    """``earnings 12 Sep``, where they come before the last day that matters."""
    told = context.get("next_earnings")
    when = date.fromisoformat(told) if isinstance(told, str) else told
    if when is None or (expiry is not None and when > expiry):
        return None
    return f"earnings {wording.day(when, session)}"


def expiring_today(context: Mapping[str, Any]) -> str | None:
    """``67 % of the volume expires today``, where that is most of it."""
    share = context.get("zero_dte_share")
    if share is None or share < _EXPIRING:
        return None
    return f"{wording.percent(share, digits=0)} of the volume expires today"
