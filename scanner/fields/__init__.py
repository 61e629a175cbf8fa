"""The field dictionary: every name that rules, JSON and CSV use, defined once.

One row a field, in one file a scope (``contract.py`` to ``market.py``); :class:`Field` says what a row tells. Made from
this table are the columns of chains and metric frames, what is kept of a session and what a split does to it, what the
quality gate switches off, the reference in ``docs/fields.md``, the JSON schema of rules, ``scanner rules fields``, and
the type check and the lint of rule expressions; a name that is not here exists nowhere.

Conventions: implied volatility is a decimal fraction per square root of a year (0.42 is 42 %); names ending in ``_pct``
and ``_share`` are fractions of 1; money is in dollars; instants are UTC; a ``*_change`` is this session minus the
previous one in the field's own unit, except ``spot_change``, which is a return. A missing value is null, never 0, NaN
or infinite.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from scanner.fields import contract, expiry, ladder, market, strike, underlying
from scanner.fields.contract import FAMILIES
from scanner.fields.model import Field, Kind, OnSplit, Rows, Unit
from scanner.fields.scopes import SCOPES, Scope

__all__ = [
    "FAMILIES",
    "FIELDS",
    "SCOPES",
    "Field",
    "Kind",
    "OnSplit",
    "Rows",
    "Scope",
    "Unit",
    "of",
]

FIELDS: tuple[Field, ...] = (
    *contract.ROWS,
    *strike.ROWS,
    *ladder.ROWS,
    *expiry.ROWS,
    *underlying.ROWS,
    *market.ROWS,
)


@cache
def of(scope: str) -> Mapping[str, Field]:
    """The fields of a scope by name, in the order of the dictionary. KeyError for a scope that does not exist."""
    return {field.name: field for field in FIELDS if field.scope == SCOPES[scope].name}
