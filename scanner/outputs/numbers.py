"""Values and names of fields for people, whatever scope they are seen from."""

from __future__ import annotations

from typing import Any

from scanner import fields, wording
from scanner.fields import Field


def with_unit(scope: str, name: str, value: Any) -> str:
    """A field's value for a person; ``name`` may be of a wider scope (``underlying.iv30``). Missing is ``-``."""
    field = _field(scope, name)
    if field is not None:
        return field.say(value)
    if value is None:
        return wording.MISSING
    return wording.number(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def title(scope: str, name: str) -> str:
    """What a person calls a field; ``name`` as for :func:`with_unit`, or anything else that stands beside fields."""
    field = _field(scope, name)
    return name.rpartition(".")[2].replace("_", " ") if field is None else field.title


def _field(scope: str, name: str) -> Field | None:
    """The field of a scope; what an alert keeps of its name beside its own is of the underlying."""
    wider, _, own = name.rpartition(".")
    places = [place for place in ((wider,) if wider else (scope, "underlying")) if place in fields.SCOPES]
    return next((found for place in places if (found := fields.of(place).get(own)) is not None), None)
