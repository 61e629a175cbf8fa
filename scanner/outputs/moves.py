"""What is priced for coming events, and what the price did over past ones: screen, JSON and CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from statistics import fmean
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scanner import wording
from scanner.alerts.model import plain
from scanner.errors import ScanProblem
from scanner.metrics.event_moves import MEAN_ABSOLUTE, Priced
from scanner.outputs import terminal
from scanner.outputs.delimited import csv_document
from scanner.outputs.document import SCHEMA, to_json
from scanner.outputs.text import printable

if TYPE_CHECKING:
    import pandas as pd

# From so many events on there is an average.
_ENOUGH = 4
RECENT = 8
MORE = "more than priced"
_COLUMNS = ("underlying", "kind", "date", "when", "implied", "realised", "not_judged")


@dataclass(frozen=True, slots=True)
class Held:
    """A past event: what was priced for it the evening before (``implied``, mean size) and what it brought."""

    kind: str
    day: date
    implied: float | None
    realised: float | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class NameMoves:
    """One name: the events ahead and what is priced for each, and those that are over, the newest first."""

    underlying: str
    coming: tuple[Priced, ...]
    past: tuple[Held, ...]

    def realised(self, most: int | None = None) -> float | None:
        """The mean size of the newest ``most`` moves (all of them); None with fewer than four."""
        return _mean([abs(item.realised) for item in self.past if item.realised is not None][:most])

    def implied(self) -> float | None:
        """The mean size that was priced for the newest eight, as far as known; None with fewer than four."""
        return _mean([item.implied for item in self.past[:RECENT] if item.implied is not None])


@dataclass(frozen=True, slots=True)
class Moves:
    """The names' events as of a session's close, of one ``kind`` or all."""

    session: date
    kind: str | None
    names: tuple[NameMoves, ...]
    simulated: bool = False
    problems: tuple[ScanProblem, ...] = ()

    @property
    def frame(self) -> pl.DataFrame:
        """A row an event: ``underlying kind date when implied realised not_judged``; sizes are parts of the price."""
        schema = dict.fromkeys(_COLUMNS, pl.String) | {"date": pl.Date, "implied": pl.Float64, "realised": pl.Float64}
        return pl.DataFrame(list(_rows(self)), schema=schema, orient="row")

    def to_pandas(self) -> pd.DataFrame:
        """``frame`` as one of pandas; :mod:`scanner.frames` says which dtype becomes which."""
        from scanner.frames import to_pandas

        return to_pandas(self.frame)


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if len(values) >= _ENOUGH else None


def _rows(found: Moves) -> Iterator[tuple[Any, ...]]:
    for name in found.names:
        for ahead in name.coming:
            yield name.underlying, ahead.kind, ahead.day, ahead.when, ahead.mean_absolute, None, ahead.reason
        for over in name.past:
            yield name.underlying, over.kind, over.day, None, over.implied, over.realised, over.reason


def text(found: Moves, form: str) -> str:
    """The events as ``json`` (schema, session, a list a name) or ``csv``."""
    if form == "csv":
        return csv_document(_COLUMNS, _rows(found))
    names = [
        {
            "underlying": name.underlying,
            "coming": [plain(asdict(item) | {"mean_absolute": item.mean_absolute}) for item in name.coming],
            "past": [plain(asdict(item)) for item in name.past],
            "implied_mean": name.implied(),
            "realised_mean_of_last_eight": name.realised(RECENT),
            "realised_mean": name.realised(),
        }
        for name in found.names
    ]
    told = {"schema": SCHEMA, "session_date": found.session.isoformat(), "simulated": found.simulated}
    return to_json({**told, "kind": found.kind, "names": names}) + "\n"


def show(found: Moves, to: Console) -> None:
    """Print a row a name and what the market as a whole prices; of one name alone its events one by one."""
    terminal.print_banner(found.simulated, to)
    if not found.names:
        to.print("No event of these names is known. Give a table of them: `scanner import events.csv`.")
        return
    terminal.say(Text(f"Moves priced for {found.kind or 'events'}, as of {found.session}", style="bold"), to)
    to.print(_cross_section(found))
    sentence = market(found)
    if sentence is not None:
        terminal.say(sentence, to)
    if len(found.names) == 1:
        to.print()
        to.print(_one_by_one(found.names[0], found.session))
    for line in _reasons(found):
        terminal.say(Text(line, style="dim"), to)
    terminal.say(
        Text("Mean sizes of moves: 0.8 of one standard deviation. Averages from 4 events on.", style="dim"), to
    )


def _cross_section(found: Moves) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for heading in ("Name", "Next", "Day", "Priced", "Was priced", "Moved, last 8", "Long run"):
        table.add_column(heading, justify="left" if heading in ("Name", "Next") else "right", no_wrap=True)
    for name in found.names:
        ahead = name.coming[0] if name.coming else None
        table.add_row(
            printable(name.underlying),
            wording.MISSING if ahead is None else printable(ahead.kind),
            wording.MISSING if ahead is None else wording.day(ahead.day, found.session),
            _part(None if ahead is None else ahead.mean_absolute),
            _part(name.implied()), _part(name.realised(RECENT)), _part(name.realised()),
        )  # fmt: skip
    return table


def market(found: Moves) -> str | None:
    """All names together: what is priced on average against what came; None where one of the three is not known."""
    priced = [name.coming[0].mean_absolute for name in found.names if name.coming]
    known = [size for size in priced if size is not None]
    came = [size for name in found.names if (size := name.realised(RECENT)) is not None]
    long_run = [size for name in found.names if (size := name.realised()) is not None]
    if len(found.names) < 2 or not known or not came or not long_run:
        return None
    days = f"{found.kind} days" if found.kind else "events"
    return (
        f"The market prices {_part(fmean(known))} for {days} ({terminal.counted(len(known), 'name')}), against a "
        f"realised {_part(fmean(came))} over the last {RECENT} and a long-run {_part(fmean(long_run))}."
    )


def _one_by_one(name: NameMoves, session: date) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for heading in ("Day", "Event", "Priced", "Moved", ""):
        table.add_column(heading, justify="right" if heading in ("Priced", "Moved") else "left")
    for ahead in reversed(name.coming):
        table.add_row(wording.day(ahead.day, session), printable(ahead.kind), _part(ahead.mean_absolute), "ahead", "")
    for over in name.past:
        moved = wording.MISSING if over.realised is None else wording.percent(over.realised, signed=True)
        table.add_row(
            wording.day(over.day, session), printable(over.kind), _part(over.implied), moved, verdict(over) or ""
        )
    return table


def verdict(event: Held) -> str | None:
    """Whether a move was ``more than priced``: beyond one standard deviation of what was priced."""
    if event.implied is None or event.realised is None:
        return None
    return MORE if abs(event.realised) > event.implied / MEAN_ABSOLUTE else "within what was priced"


def _reasons(found: Moves) -> Iterator[str]:
    seen = dict[str, list[str]]()
    for name in found.names:
        told = [(item.day, item.reason) for item in name.coming] + [(item.day, item.reason) for item in name.past]
        for day, reason in told:
            if reason is not None:
                seen.setdefault(reason, []).append(f"{printable(name.underlying)} {day}")
    for reason, events in seen.items():
        more = f" and {len(events) - 3} more" if len(events) > 3 else ""
        yield f"Not judged: {', '.join(events[:3])}{more}: {printable(reason)}"


def _part(value: float | None) -> str:
    return wording.MISSING if value is None else wording.percent(value)
