"""How numbers are said to people, the same in every message and on every screen."""

from __future__ import annotations

_YEAR = 250.0
_LARGEST = 1_000.0
_NONE = 0.5
_MOST_TIMES = 100.0


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
    if usual < _NONE:
        return "usually none"
    return f"usual {lots(usual)}" + ("" if volume is None else f" ({multiple(volume, usual)})")


def money(dollars: float) -> str:
    """An amount in three figures at most: ``$31 M``, ``$4.9 k``, ``$850``."""
    for size, unit in ((1e9, " bn"), (1e6, " M"), (1e3, " k")):
        if dollars >= 0.9995 * size:
            value = dollars / size
            return f"${value:.1f}{unit}" if value < 9.95 else f"${value:,.0f}{unit}"
    return f"${dollars:,.0f}"


def once(in_sessions: float) -> str:
    """How often as much comes on a watchlist: ``about once in 40 sessions``, ``about 3 times a session``."""
    if in_sessions > _YEAR:
        return "rarer than once in a year"
    if in_sessions >= 1.5:
        return f"about once in {in_sessions:.0f} sessions"
    times = min(1.0 / in_sessions, _MOST_TIMES) if in_sessions > 0 else _MOST_TIMES
    return "about once a session" if times < 1.5 else f"about {times:.0f} times a session"
