"""What was checked before anything is scanned: for a person, and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scanner.outputs.text import printable


class Verdict(StrEnum):
    """How a check ended. What was not looked at is ``skipped``: it is neither well nor wrong."""

    well = "well"
    doubtful = "doubtful"
    wrong = "wrong"
    skipped = "skipped"


_MARKS = {Verdict.well: "ok", Verdict.doubtful: "!!", Verdict.wrong: "XX", Verdict.skipped: "--"}
_STYLES = {Verdict.well: "green", Verdict.doubtful: "yellow", Verdict.wrong: "bold red", Verdict.skipped: "dim"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: what is so, and what to do where that is not well.

    ``area`` is configuration, rules, store, messages, clock or source; ``name`` which of them, ``facts`` plain values
    for scripts, ``more`` what else is so, a sentence each.
    """

    area: str
    name: str
    verdict: Verdict
    says: str
    do: str = ""
    facts: tuple[tuple[str, Any], ...] = ()
    more: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Every check, in the order they were made."""

    checks: tuple[Check, ...]

    @property
    def exit_code(self) -> int:
        """0 all is well, 1 something is not and a scan goes on without it, 2 nothing can be scanned as it stands."""
        wrong = [check for check in self.checks if check.verdict is Verdict.wrong]
        sources = [check for check in self.checks if check.area == "source"]
        if any(check.area in ("configuration", "rules") for check in wrong):
            return 2
        if sources and all(check.verdict is Verdict.wrong for check in sources):
            return 2
        return 1 if any(check.verdict in (Verdict.wrong, Verdict.doubtful) for check in self.checks) else 0

    def as_json(self) -> str:
        """The checks as one document."""
        from scanner.outputs.document import SCHEMA, to_json

        checks = [{**asdict(check), "facts": dict(check.facts)} for check in self.checks]
        return to_json({"schema": SCHEMA, "exit_code": self.exit_code, "checks": checks}) + "\n"

    def print(self, to: Console) -> None:
        """The checks for a person, and what to do about each that is not well."""
        area = ""
        for check in self.checks:
            if check.area != area:
                area = check.area
                to.print(Text(area.capitalize(), style="bold"))
            to.print(_shown(check))
        to.print()
        to.print(Text(_SUMMARIES[self.exit_code]))


_SUMMARIES = {
    0: "All is well.",
    1: "Some of it is not well: a scan goes on without it.",
    2: "Nothing can be scanned as it stands.",
}


def _shown(check: Check) -> Table:
    """One check: its mark, and beside it what is so and what to do."""
    name = f"{check.name}: " if check.name and not check.says.startswith(f"{check.name}: ") else ""
    sentences = [f"{name}{check.says}", *check.more, *([f"do: {check.do}"] if check.do else [])]
    grid = Table.grid(padding=(0, 2))
    grid.add_row("", Text(_MARKS[check.verdict], style=_STYLES[check.verdict]), _text(sentences))
    return grid


def _text(sentences: list[str]) -> Text:
    return Text("\n".join(map(printable, sentences)))
