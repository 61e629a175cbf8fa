"""Numbers as people read them: thousands, percentages, chances, by the unit that the field dictionary gives."""

from __future__ import annotations

from typing import Any

from scanner import fields
from scanner.fields import Field, Unit

_PERCENT = frozenset({Unit.fraction, Unit.volatility})
_BIG = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))
_RAREST = 15.0
_MISSING = "-"


def with_unit(scope: str, name: str, value: Any) -> str:
    """A field's value for a person; ``name`` may be of a wider scope (``underlying.iv30``). Missing is ``-``."""
    if value is None or isinstance(value, bool):
        return _MISSING if value is None else ("yes" if value else "no")
    if not isinstance(value, int | float):
        return str(value)
    field = _field(scope, name)
    unit = field.unit if field is not None else Unit.none
    if unit in _PERCENT:
        return f"{value:.1%}"
    return {Unit.surprise: chance, Unit.dollars: money}.get(unit, number)(value)


def title(scope: str, name: str) -> str:
    """What a person calls a field; ``name`` as for :func:`with_unit`, or anything else that stands beside fields."""
    field = _field(scope, name)
    return name.replace("_", " ") if field is None or "." in name else field.title


def _field(scope: str, name: str) -> Field | None:
    wider, _, own = name.rpartition(".")
    return fields.of(wider or scope).get(own) if (wider or scope) in fields.SCOPES else None


def number(value: float) -> str:
    """A number as short as its size allows: 0.0041, 0.70, 53.6, 12,345."""
    size = abs(value)
    if isinstance(value, int) or size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.1 or size == 0 else f"{value:.2g}"


def money(value: float) -> str:
    """Dollars: cents below a thousand, separators above."""
    return f"${value:,.2f}" if abs(value) < 1000 else f"${value:,.0f}"


def chance(surprise: float) -> str:
    """A surprise (-log10 of a chance) as odds: 4.2 is ``1 in 16,000``."""
    if surprise >= _RAREST:
        return "rarer than 1 in a quadrillion"
    odds = 10.0**surprise
    for size, word in _BIG:
        if odds >= size:
            return f"1 in {odds / size:.2g} {word}" if odds / size < 100 else f"1 in {odds / size:.0f} {word}"
    digits = len(f"{odds:.0f}")
    return f"1 in {round(odds, 2 - digits):,.0f}" if odds >= 2 else "nothing rare"
