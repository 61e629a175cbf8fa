"""What did not become an alert, and why, ranked as alerts are and with the same evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scanner import wording
from scanner.alerts.model import HeldBack
from scanner.alerts.selection import Reason
from scanner.outputs import sentence, terminal
from scanner.outputs.delimited import csv_document
from scanner.outputs.document import SCHEMA, to_json
from scanner.outputs.exports.subjects import COLUMNS, Subject
from scanner.outputs.result import ScanResult
from scanner.outputs.text import printable

# Each reason in a word, for a column, and in a sentence below it.
_WORDS = {
    Reason.size: ("size", "below alerts.at_least"),
    Reason.budget: ("budget", "rarer ones filled alerts.budget_per_session"),
    Reason.story: ("told", "part of what another alert tells"),
    Reason.roll: ("roll", "looks like a leg of a rolled position"),
    Reason.market: ("market", "most names show it: a fact about the market, told once"),
    Reason.not_yet_held: ("not yet", "has not held for as many scans as its rule asks"),
    Reason.rule_limit: ("limit", "its rule has raised as many alerts as it may"),
    Reason.false_discovery_rate: ("common", "as rare is found in any such scan by chance"),
}


@dataclass(frozen=True, slots=True)
class HeldBackList:
    """The findings of a session's newest scan that did not become alerts, the strongest first.

    ``session`` is None where no scan has kept any; ``hidden`` counts those beyond what was asked for.
    """

    session: date | None
    items: tuple[HeldBack, ...]
    hidden: int = 0
    simulated: bool = False


def strongest_first(items: Sequence[HeldBack]) -> list[HeldBack]:
    """As alerts are ranked; what is told by another alert comes last, and a thing that several rules found is one."""
    ranked = sorted(items, key=lambda item: (item.reason != Reason.story, *item.alert.strength), reverse=True)
    return list({(*item.alert.subject, item.reason): item for item in reversed(ranked)}.values())[::-1]


def of_result(result: ScanResult, limit: int | None = None) -> HeldBackList:
    """What a scan held back, at most so many."""
    ranked, scan = strongest_first(result.held_back_items), result.scan
    hidden = max(len(ranked) - (limit or len(ranked)), 0)
    return HeldBackList(scan.session_date, tuple(ranked[:limit]), hidden, scan.simulated)


def text(found: HeldBackList, form: str) -> str:
    """The list as ``json`` (schema, session and an ALERT with its ``held_back`` each) or ``csv``, ``why`` last."""
    if form == "csv":
        rows = ([*Subject((item.alert,)).row().values(), item.reason] for item in found.items)
        return csv_document((*COLUMNS, "why"), rows)
    items = [{**item.alert.as_dict(), "held_back": item.reason} for item in found.items]
    session = None if found.session is None else found.session.isoformat()
    return to_json({"schema": SCHEMA, "session_date": session, "held_back": items, "hidden": found.hidden}) + "\n"


def show(found: HeldBackList, to: Console) -> None:
    """Print the list, and what the reasons mean."""
    terminal.print_banner(found.simulated, to)
    if found.session is None:
        to.print("No scan has held anything back yet, or none is stored. `scanner scan` looks for something.")
        return
    count = len(found.items) + found.hidden
    stories = "nothing" if count == 0 else "1 story" if count == 1 else f"{count:,} stories, ranked as alerts are"
    terminal.say(Text(f"Held back, {found.session}: {stories}", style="bold"), to)
    if found.items:
        to.print(_table(found.items, to))
    for line in _legend(found.items):
        terminal.say(line, to)
    if found.hidden:
        terminal.say(f"{found.hidden:,} more: --limit {count}", to)


def _table(items: Sequence[HeldBack], to: Console) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("Story", ratio=3, overflow="fold")
    table.add_column("Traded / usual", ratio=3, overflow="fold")
    for heading in ("Money", "On this list", "Why"):
        table.add_column(heading, no_wrap=True)
    for item in items:
        about, measure, *rest = cells(item)
        table.add_row(Text(about), Text(measure), *rest, word(item.reason))
    return table


def cells(item: HeldBack) -> tuple[str, str, str, str]:
    """About what, how far off, money, and how seldom as much comes."""
    alert, said = item.alert, sentence.of(item.alert)
    measure = said.short[0] if sentence.traded(alert) is not None else ", ".join(said.measure)
    money = "-" if alert.premium is None else wording.money(alert.premium)
    once = "-" if alert.once_in_sessions is None else wording.often(alert.once_in_sessions)
    return said.about, measure, money, once


def word(reason: str) -> str:
    """A reason in a word."""
    return _WORDS[Reason(reason)][0] if reason in set(Reason) else printable(reason)


def _legend(items: Sequence[HeldBack]) -> Iterator[str]:
    for reason in dict.fromkeys(item.reason for item in items):
        if reason in set(Reason):
            name, meaning = _WORDS[Reason(reason)]
            yield f"{name}: {meaning}"
