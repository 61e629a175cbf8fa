"""The register of export formats: one row says all that the rest of the program knows of one.

A format is its row here and the one module that the row names; nothing else names it. The module is imported when the
format is asked for and has one function, ``export(subjects, calendar)``, which returns an :class:`Exported`.
``docs/adding-an-output.md`` goes through the steps.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from scanner.errors import UsageError

if TYPE_CHECKING:
    from scanner.market.calendar import Calendar
    from scanner.outputs.exports.subjects import Subject

# What a platform's list is called where there is none: the formats that anybody reads.
GENERIC = "generic"


@dataclass(frozen=True, slots=True)
class Exported:
    """A list in some format, and a sentence about each kind of thing that the format cannot name."""

    content: bytes
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Export:
    """One format.

    ``says`` is what it is, in a few words; ``module`` the module that writes it; ``suffix`` how its files end. A
    ``platform``'s list is asked for with ``--dialect``, the others with ``--format``. ``extra`` names the extra of the
    package that it needs, if it needs one. What is ``binary`` is not for a terminal.
    """

    name: str
    says: str
    module: str
    suffix: str
    platform: bool = False
    extra: str = ""
    binary: bool = False

    def write(self, subjects: Sequence[Subject], calendar: Calendar) -> Exported:
        """The list in this format, in the order given. Raises UsageError where its extra is not installed."""
        try:
            module = import_module(self.module)
            return cast("Exported", module.export(subjects, calendar))
        except ModuleNotFoundError as error:
            if not self.extra:
                raise
            wanted = f"scanner[{self.extra}]"
            raise UsageError(
                f"{self.name} needs {error.name}, which is not installed: pip install '{wanted}'"
            ) from None


_ROWS = (
    Export("csv", "for spreadsheets and scripts", "scanner.outputs.exports.comma_separated", ".csv"),
    Export("xlsx", "a workbook", "scanner.outputs.exports.workbook", ".xlsx", extra="excel", binary=True),
    Export("jsonl", "one JSON object a line", "scanner.outputs.exports.json_lines", ".jsonl"),
    Export("parquet", "for data frames", "scanner.outputs.exports.parquet", ".parquet", binary=True),
    Export("tradingview", "a symbol list", "scanner.outputs.exports.tradingview", ".txt", platform=True),
    Export("thinkorswim", "a symbol list", "scanner.outputs.exports.thinkorswim", ".csv", platform=True),
    Export("ibkr", "a list that Trader Workstation imports", "scanner.outputs.exports.ibkr", ".csv", platform=True),
)
EXPORTS: Mapping[str, Export] = MappingProxyType({export.name: export for export in _ROWS})


def formats() -> list[str]:
    """The names that ``--format`` takes."""
    return [export.name for export in EXPORTS.values() if not export.platform]


def dialects() -> list[str]:
    """The names that ``--dialect`` takes."""
    return [GENERIC, *(export.name for export in EXPORTS.values() if export.platform)]


def export_of(dialect: str = GENERIC, form: str | None = None) -> Export:
    """The row that a dialect and a format ask for; without a format, of CSV.

    Raises UsageError with the nearest spelling where there is none, and where a platform's list is asked for in
    another form than its own.
    """
    if dialect not in dialects():
        raise UsageError(_unknown("dialect", dialect, dialects()))
    if form is not None and form not in formats():
        raise UsageError(_unknown("format", form, formats()))
    if dialect == GENERIC:
        return EXPORTS[form or formats()[0]]
    if form not in (None, EXPORTS[dialect].suffix.removeprefix(".")):
        raise UsageError(f"a list for {dialect} is written as {dialect} reads it; leave out the format {form}")
    return EXPORTS[dialect]


def _unknown(kind: str, name: str, there: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, there, n=1)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    return f"there is no {kind} {name!r}; there are {', '.join(there)}{hint}"
