"""How numbers are said to people, the same in every message and on every screen."""

from __future__ import annotations

from datetime import date

_YEAR = 250.0
_LARGEST = 1_000.0
NONE = 0.5
_MOST_TIMES = 100.0
_BIG = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))
_RAREST = 15.0
MISSING = "-"


def lots(count: float) -> str:
    """A usual volume: whole lots, ``1,115``; below ten to a tenth, ``1.9``."""
    return f"{count:.1f}" if count < 9.95 else f"{count:,.0f}"


def multiple(volume: float, usual: float) -> str:
    """The quotient of two volumes as they are shown: ``86x``, ``3.2x``, ``>1,000x``."""
    times = volume / float(lots(usual).replace(",", ""))
    if times > _LARGEST:
        return f">{_LARGEST:,.0f}x"
    return f"{times:.1f}x" if times < 9.95 else f"{times:,.0f}x"


def against(volume: float | None, usual: float | None) -> str:
    """A volume beside what is usual: ``usual 1,115 (86x)``; no multiple of what is usually nothing."""
    if usual is None:
        return "usual not known"
    if usual < NONE:
        return "usually none"
    return f"usual {lots(usual)}" + ("" if volume is None else f" ({multiple(volume, usual)})")


def quotient(volume: float, usual: float | None) -> str:
    """The same where there is little room: ``11,128 / 101 = 110x``, ``4,442, usually none``."""
    if usual is None:
        return f"{volume:,.0f}"
    if usual < NONE:
        return f"{volume:,.0f}, usually none"
    times = multiple(volume, usual)
    return f"{volume:,.0f} / {lots(usual)} {'' if times.startswith('>') else '= '}{times}"


def money(dollars: float) -> str:
    """An amount in three figures at most: ``$31 M``, ``$4.9 k``, ``$850``."""
    for size, unit in ((1e9, " bn"), (1e6, " M"), (1e3, " k")):
        if dollars >= 0.9995 * size:
            value = dollars / size
            return f"${value:.1f}{unit}" if value < 9.95 else f"${value:,.0f}{unit}"
    return f"${dollars:,.0f}"


def signed_money(dollars: float) -> str:
    """An amount that may be owed as well, with its sign: ``+$31 M``, ``-$4.9 k``."""
    return ("-" if dollars < 0 else "+") + money(abs(dollars))


def once(in_sessions: float) -> str:
    """How often as much comes on a watchlist: ``about once in 40 sessions``, ``about 3 times a session``."""
    if in_sessions > _YEAR:
        return "rarer than once in a year"
    if in_sessions >= 1.5:
        return f"about once in {in_sessions:.0f} sessions"
    times = min(1.0 / in_sessions, _MOST_TIMES) if in_sessions > 0 else _MOST_TIMES
    return "about once a session" if times < 1.5 else f"about {times:.0f} times a session"


def often(in_sessions: float) -> str:
    """The same where there is little room: ``once in 40``, ``4 a session``."""
    words = once(in_sessions).removeprefix("about ")
    return words.replace(" times a session", " a session").replace(" sessions", "").replace("than once in", "than 1")


def price(dollars: float) -> str:
    """What one share, or an option on one, costs: ``$232.30``."""
    return f"${dollars:,.2f}"


def number(value: float) -> str:
    """A number as short as its size allows: 0.0041, 0.70, 53.6, 12,345."""
    size = abs(value)
    if isinstance(value, int) or size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.1 or size == 0 else f"{value:.2g}"


def percent(part: float, *, signed: bool = False, digits: int = 1) -> str:
    """A part of a whole: ``13.0 %``; a change with its sign, ``+5.1 %``, but never ``-0.0 %``."""
    return _hundredths(part, " %", signed=signed, digits=digits)


def points(change: float) -> str:
    """A change of a volatility: ``+0.7 points``."""
    return _hundredths(change, " points", signed=True)


def _hundredths(value: float, unit: str, *, signed: bool, digits: int = 1) -> str:
    shown = round(value * 100, digits) + 0.0
    return f"{shown:{'+' if signed and shown else ''},.{digits}f}{unit}"


def chance(surprise: float) -> str:
    """A surprise (-log10 of a chance) as odds: 4.2 is ``1 in 16,000``; above 1 in 10 it is nothing rare."""
    if surprise >= _RAREST:
        return "rarer than 1 in a quadrillion"
    odds = 10.0**surprise
    for size, word in _BIG:
        if odds >= size:
            return f"1 in {odds / size:.2g} {word}" if odds / size < 100 else f"1 in {odds / size:.0f} {word}"
    digits = len(f"{odds:.0f}")
    return f"1 in {round(odds, 2 - digits):,.0f}" if surprise >= 1.0 else "nothing rare"


def day(when: date, beside: date) -> str:
    """A day, with its year where that is not the one of the day it stands beside: ``12 Sep``, ``15 Jan 2027``."""
    return f"{when.day} {when:%b}" + ("" if when.year == beside.year else f" {when.year}")
