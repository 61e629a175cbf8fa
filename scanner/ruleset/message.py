"""Message templates, ``{volume:,} traded``: declared fields and plain number formats, never attributes or indexes.

``{usual}`` says what a contract's volume is held against, ``usual 1,115 (86x)``, and where a window of five sessions is
what is rare, what traded in those.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any

from scanner import fields
from scanner.fields import Field, Kind
from scanner.ruleset.expressions import ExpressionError, FieldReference, Names, parse
from scanner.wording import against

MAX_CHARACTERS = 500
MISSING = "n/a"
DRIVERS = "drivers"
USUAL = "usual"
_USUAL_FIELDS = (
    "volume", "volume_expected", "volume_surprise", "volume_surprise_3", "volume_surprise_5", "volume_5",
    "volume_usual_5",
)  # fmt: skip
_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")
_NUMBER_FORMAT = re.compile(r"\+?,?(\.[0-9])?[dfg%]?")


@dataclass(frozen=True, slots=True)
class Message:
    """A parsed template: literal text, and places to fill with a field and a number format."""

    text: str
    parts: tuple[str | tuple[FieldReference, str], ...]
    names_drivers: bool = False
    says_usual: bool = False

    @property
    def fields(self) -> tuple[FieldReference, ...]:
        """The fields it names."""
        known = fields.of("contract")
        usual = [FieldReference(known[name]) for name in _USUAL_FIELDS] if self.says_usual else []
        return (*(part[0] for part in self.parts if not isinstance(part, str)), *usual)

    def render(self, values: Mapping[str, Sequence[object]], drivers: Sequence[Sequence[str]], count: int) -> list[str]:
        """The sentence for each of ``count`` rows, from columns by name; a null reads ``n/a``."""
        columns = [self._column(part, values, drivers, count) for part in self.parts]
        return ["".join(pieces) for pieces in zip(*columns, strict=True)] if columns else [""] * count

    def _column(
        self,
        part: str | tuple[FieldReference, str],
        values: Mapping[str, Sequence[object]],
        drivers: Sequence[Sequence[str]],
        count: int,
    ) -> Sequence[str]:
        if part == DRIVERS and self.names_drivers:
            return [", ".join(names) if names else MISSING for names in drivers]
        if part == USUAL and self.says_usual:
            return [_usual(*row) for row in zip(*(values[name] for name in _USUAL_FIELDS), strict=True)]
        if isinstance(part, str):
            return [part] * count
        reference, spec = part
        return [MISSING if value is None else format(value, spec) for value in values[reference.column]]


def parse_message(text: str, names: Names, *, has_drivers: bool) -> Message:
    """Parse a template. Raises ExpressionError for an unknown field, a format that does not fit, or anything else."""
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(f"the message is longer than {MAX_CHARACTERS} characters")
    try:
        pieces = list(Formatter().parse(text))
    except ValueError as error:
        mend = "write {field} or {field:,.1f}; a brace of its own is written twice"
        raise ExpressionError(f"the message cannot be read: {error}", mend=mend) from error
    parts: list[str | tuple[FieldReference, str]] = []
    names_drivers = says_usual = False
    for literal, name, spec, conversion in pieces:
        if literal:
            parts.append(literal)
        if name is None:
            continue
        if conversion or not _NAME.fullmatch(name):
            mend = "only a field's name and a number format may stand in braces"
            raise ExpressionError(f"{{{name}}} is not a field", text.find("{" + name), mend)
        if name == DRIVERS and has_drivers and not spec:
            names_drivers = True
            parts.append(DRIVERS)
            continue
        if name == USUAL and names.scope == "contract" and not spec:
            says_usual = True
            parts.append(USUAL)
            continue
        parts.append((_reference(name, text, names), _checked_format(name, spec or "", text, names)))
    return Message(text, tuple(parts), names_drivers, says_usual)


def _usual(*values: Any) -> str:
    volume, expected, one, three, five, in_five, usually = values
    said = against(volume, expected)
    window = max(three or 0.0, five or 0.0) > (one or 0.0) and in_five is not None and usually is not None
    return f"{said}; {in_five:,.0f} in five sessions, {against(in_five, usually)}" if window else said


def _reference(name: str, text: str, names: Names) -> FieldReference:
    try:
        node = parse(name, Names(names.scope))
    except ExpressionError as error:
        raise ExpressionError(str(error), text.find("{" + name), error.mend) from error
    if not isinstance(node, FieldReference):
        raise ExpressionError(f"{{{name}}} is not a field", text.find("{" + name))
    return node


def _checked_format(name: str, spec: str, text: str, names: Names) -> str:
    field: Field = _reference(name, text, names).field
    offset = text.find("{" + name)
    if not spec:
        return ".4g" if field.kind is Kind.number else ""
    if not field.numeric:
        raise ExpressionError(f"{{{name}:{spec}}}: {name} is not a number", offset, f"write {{{name}}}")
    if not _NUMBER_FORMAT.fullmatch(spec) or (spec.endswith("d") and field.kind is not Kind.integer):
        mend = "number formats are like , or ,.0f or .1% or +.2f"
        raise ExpressionError(f"{{{name}:{spec}}} is not a format for it", offset, mend)
    return spec
