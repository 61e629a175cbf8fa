"""What is wrong with a rule file, with its place, and the collector that lets all of it be said at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from scanner.document import START, Place

__all__ = ["START", "Level", "Place", "Problem", "Reporter", "nearest"]

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a rule file. ``code`` is a stable word; ``mend`` says what to do about it.

    An ``error`` leaves the rule out; a ``warning`` is likely to make it useless; a ``note`` is a matter of taste.
    Without a ``rule_id`` it is said of the path itself, which holds no rules.
    """

    path: Path
    place: Place
    rule_id: str
    code: str
    message: str
    mend: str = ""
    level: Level = "error"

    def __str__(self) -> str:
        """``file:line:col: rule: what is wrong; how to mend``."""
        place = f":{self.place.line}:{self.place.column}" if self.rule_id else ""
        return f"{self.path}{place}: {self.said}"

    @property
    def said(self) -> str:
        """``rule: what is wrong; how to mend``."""
        whose, mend = f"{self.rule_id}: " if self.rule_id else "", f"; {self.mend}" if self.mend else ""
        return f"{whose}{self.message}{mend}"


@dataclass(slots=True)
class Reporter:
    """Collects the problems of one file. ``rule_id`` is what they are said of, known once ``id`` has been read."""

    path: Path
    rule_id: str
    problems: list[Problem] = field(default_factory=list)

    def error(self, place: Place, code: str, message: str, mend: str = "") -> None:
        """Note something that makes the rule unusable."""
        self.problems.append(Problem(self.path, place, self.rule_id, code, message, mend))

    @property
    def failed(self) -> bool:
        """Whether anything was reported."""
        return bool(self.problems)


def nearest(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """``did you mean X?`` for the known name that is spelt most alike, else ``otherwise``."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else otherwise
