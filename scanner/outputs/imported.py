"""What an import did: what was taken, what was refused, which sessions are not trusted in what, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from scanner.market.calendar import NEW_YORK
from scanner.outputs.terminal import counted
from scanner.outputs.text import printable
from scanner.store.derive import Derived
from scanner.store.importing import ImportReport

if TYPE_CHECKING:
    from rich.console import Console

COLUMNS = (
    "source",
    "underlying",
    "session_date",
    "contracts",
    "reached_close",
    "checks",
    "switches_off",
    "reasons",
)
_REFUSALS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Distrust:
    """One reason not to trust some sessions of one underlying."""

    source: str
    underlying: str
    check: str
    switches_off: tuple[str, ...]
    reason: str
    sessions: tuple[date, ...]

    @property
    def when(self) -> str:
        """The session, or how many from when to when."""
        first, last = self.sessions[0], self.sessions[-1]
        return f"{first}" if first == last else f"{len(self.sessions)} sessions {first} to {last}"


def distrusts(derived: Iterable[Derived]) -> list[Distrust]:
    """The verdicts on sessions, those with one and the same reason told once; by name, check and session."""
    grouped: dict[tuple[str, str, str, str], tuple[list[str], list[date]]] = {}
    for item in derived:
        for verdict in item.verdicts.iter_rows(named=True):
            key = (item.source, item.underlying, verdict["check"], verdict["reason"])
            parts, days = grouped.setdefault(key, ([], []))
            if verdict["switches_off"] not in parts:
                parts.append(verdict["switches_off"])
            if item.session_date not in days:
                days.append(item.session_date)
    told = [
        Distrust(source, underlying, check, tuple(parts), reason.removeprefix(f"{underlying}: "), tuple(sorted(days)))
        for (source, underlying, check, reason), (parts, days) in grouped.items()
    ]
    return sorted(told, key=lambda item: (item.source, item.underlying, item.sessions, item.check))


def document(report: ImportReport) -> dict[str, Any]:
    """The report as one JSON document."""
    return {
        "schema": 1,
        "import": {
            "chains_stored": report.stored,
            "chains_known": report.known,
            "contracts_stored": report.rows,
            "events": report.events,
            "closes": report.closes,
            "prints_stored": report.prints,
            "prints_known": report.prints_known,
            "sessions_summarised": len(report.derived),
            "without_close": [_session(item) for item in report.derived if not item.final],
        },
        "not_judgeable": [
            {
                "source": item.source,
                "underlying": item.underlying,
                "sessions": [day.isoformat() for day in item.sessions],
                "check": item.check,
                "switches_off": list(item.switches_off),
                "reason": item.reason,
            }
            for item in distrusts(report.derived)
        ],
        "tapes": list(report.tapes),
        "refused": list(report.refused),
        "refused_files": [str(path) for path in report.refused_files],
        "notes": [{"note": note, "chains": chains} for note, chains in sorted(report.notes.items())],
    }


def rows(report: ImportReport) -> list[tuple[Any, ...]]:
    """One row of ``COLUMNS`` for each session of each underlying that was summarised."""
    return [
        (
            item.source,
            item.underlying,
            item.session_date,
            item.rows,
            item.final,
            " ".join(item.verdicts["check"].unique(maintain_order=True)),
            " ".join(item.verdicts["switches_off"].unique(maintain_order=True)),
            "; ".join(item.verdicts["reason"].unique(maintain_order=True)),
        )
        for item in report.derived
    ]


def print_report(report: ImportReport, to: Console) -> None:
    """Print what was taken, what is not judgeable and why, and what was refused."""
    to.print(
        f"Stored {counted(report.stored, 'chain')} ({counted(report.rows, 'contract')}); "
        f"{report.known:,} there already. Summarised {counted(len(report.derived), 'session')}.",
        soft_wrap=True,
    )
    if report.events:
        to.print(f"Took {counted(report.events, 'line')} of events and renames.")
    if report.closes:
        to.print(f"Took {counted(report.closes, 'daily close')}.")
    if report.prints or report.prints_known:
        to.print(f"Took {counted(report.prints, 'print')} of tapes; {report.prints_known:,} there already.")
    for sentence in report.tapes:
        to.print(printable(f"  {sentence}"), soft_wrap=True)
    unfinished = [item for item in report.derived if not item.final]
    if unfinished:
        one = len(unfinished) == 1
        to.print(
            f"{counted(len(unfinished), 'session')} {'ends before its' if one else 'end before their'} close: "
            f"{'its' if one else 'their'} volumes are no baseline{_quoted(unfinished)}.",
            soft_wrap=True,
        )
    found = distrusts(report.derived)
    if found:
        to.print("\nNot judged:")
    for item in found:
        off = " ".join(item.switches_off)
        to.print(printable(f"  {item.underlying} {item.when}: {item.check} ({off} off): {item.reason}"), soft_wrap=True)
    if report.notes:
        to.print("\nNoted:")
    for note, chains in sorted(report.notes.items()):
        to.print(printable(f"  {note} ({counted(chains, 'chain')})"), soft_wrap=True)
    if report.refused:
        to.print("\nRefused:")
    for refusal in report.refused[:_REFUSALS_SHOWN]:
        to.print(printable(f"  {refusal}"), soft_wrap=True)
    if len(report.refused) > _REFUSALS_SHOWN:
        to.print(f"  and {len(report.refused) - _REFUSALS_SHOWN:,} more; --format json lists all")


def _session(item: Derived) -> dict[str, str]:
    return {"source": item.source, "underlying": item.underlying, "session_date": item.session_date.isoformat()}


def _quoted(sessions: Sequence[Derived]) -> str:
    """Of which time of day their newest quotes are, by New York's clock."""
    times = sorted(f"{max(item.moments).astimezone(NEW_YORK):%H:%M}" for item in sessions if item.moments)
    if not times:
        return ""
    return f" (quotes of {times[0]}{'' if times[0] == times[-1] else f' to {times[-1]}'} New York)"
