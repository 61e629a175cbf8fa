"""One chain on the terminal, as CSV or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
from rich.box import ASCII2, SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scanner import fields, wording
from scanner.alerts.model import plain
from scanner.outputs.delimited import csv_document
from scanner.outputs.document import to_json
from scanner.outputs.terminal import counted, new_york, say
from scanner.outputs.text import printable


@dataclass(frozen=True, slots=True)
class Shown:
    """A column on the terminal: the field, its heading, how it is written, and who gives way first (lowest)."""

    name: str
    heading: str
    form: str
    importance: int


SHOWN = (
    Shown("strike", "Strike", "g", 9),
    Shown("right", "", "s", 9),
    Shown("bid", "Bid", ",.2f", 9),
    Shown("ask", "Ask", ",.2f", 9),
    Shown("mid", "Mid", ",.3f", 4),
    Shown("iv", "IV", ".1%", 9),
    Shown("delta", "Delta", "+.2f", 8),
    Shown("gamma", "Gamma", ".4f", 3),
    Shown("vega", "Vega", ".3f", 3),
    Shown("theta", "Theta", "+.3f", 3),
    Shown("rho", "Rho", "+.3f", 2),
    Shown("volume", "Volume", ",d", 9),
    Shown("open_interest", "OI", ",d", 9),
    Shown("volume_expected", "Expected", ",.0f", 5),
    Shown("volume_surprise", "How rare", "", 6),
)
_MISSING = "-"
# Between columns: a space of padding on each side, and the box.
_GAP = 3


def select(
    chain: pl.DataFrame, *, expiry: date | None = None, right: str | None = None, near: int | None = None
) -> pl.DataFrame:
    """The contracts of one expiry, one right (``C`` or ``P``), and the ``near`` strikes on each side of spot.

    Nearness is counted for each root and expiry; without a spot from the forward, and without either all strikes stay.
    """
    if expiry is not None:
        chain = chain.filter(pl.col("expiry") == expiry)
    if right is not None:
        chain = chain.filter(pl.col("right").cast(pl.String) == right)
    if near is None:
        return chain
    centre = pl.coalesce("spot", "forward") if "forward" in chain.columns else pl.col("spot")
    above = pl.col("strike") > centre
    distance = (pl.col("strike") - centre).abs()
    rank = distance.rank("dense").over("root", "expiry", above)
    return chain.filter((rank <= near).fill_null(value=True))


def to_csv(chain: pl.DataFrame) -> str:
    """A chain as CSV, one line a contract, with every field of the contract scope that it has."""
    names = _fields_of(chain)
    return csv_document(names, chain.select(names).iter_rows())


def to_json_document(chain: pl.DataFrame) -> str:
    """A chain as a JSON array, one object a contract, with the same fields; missing values are null."""
    return to_json([plain(row) for row in chain.select(_fields_of(chain)).iter_rows(named=True)]) + "\n"


def _fields_of(chain: pl.DataFrame) -> list[str]:
    return [name for name in fields.of("contract") if name in chain.columns]


def print_table(chain: pl.DataFrame, to: Console) -> None:
    """Print a priced chain, one table for each root and expiry; columns that do not fit are left out."""
    if chain.is_empty():
        to.print("No contracts.")
        return
    simulated = bool(chain["simulated"].any()) if "simulated" in chain.columns else False
    shown = _that_fit(chain, to.width)
    for line in told(chain):
        say(line, to)
    for _, group in chain.group_by("underlying", "root", "expiry", maintain_order=True):
        to.print(_heading(group, simulated))
        to.print(_table(group, shown, ascii_only=to.options.ascii_only))
    without = reasons(chain)
    if without:
        to.print(Text(f"No implied volatility: {without}.", style="dim"))


def told(chain: pl.DataFrame) -> Iterator[Text]:
    """What the chain is: its session, its moment, its source; and what its surprise rests on."""
    first = chain.row(0, named=True)
    if {"session_date", "quote_time", "source"} <= set(chain.columns):
        moment = "at an unknown time" if first["quote_time"] is None else f"quotes of {new_york(first['quote_time'])}"
        yield Text(f"Session {first['session_date']}, {moment}, source {printable(first['source'])}", style="bold")
    if "baseline_kind" in chain.columns and (chain["baseline_kind"] == "prior").any():
        sessions = counted(int(chain["history_sessions"].max() or 0), "session")  # type: ignore[arg-type] # an integer
        yield Text(f"baseline: prior (built in; own history is too short: {sessions})", style="yellow")


def reasons(chain: pl.DataFrame) -> str:
    """Why contracts have no volatility, and how many for each reason."""
    if "iv_reason" not in chain.columns:
        return ""
    counts = chain["iv_reason"].drop_nulls().value_counts(sort=True)
    return ", ".join(f"{count:,} {printable(reason).replace('_', ' ')}" for reason, count in counts.iter_rows())


def _heading(group: pl.DataFrame, simulated: bool) -> Text:
    first = group.row(0, named=True)
    underlying, root, expiry = first["underlying"], first["root"], first["expiry"]
    named = printable(underlying if root == underlying else f"{underlying} ({root})")
    spot = _MISSING if first["spot"] is None else wording.price(first["spot"])
    label = "  SIMULATED" if simulated else ""
    return Text(f"{named} {spot}  expiry {expiry}, {counted(first['dte'], 'day')}{label}", style="bold")


def _that_fit(chain: pl.DataFrame, width: int) -> list[Shown]:
    """The columns that fit a width, all those there are where it is wide enough."""
    there = [column for column in SHOWN if column.name in chain.columns]
    widths = {column.name: _GAP + max(len(column.heading), _widest(chain, column)) for column in there}
    for column in sorted(there, key=lambda item: item.importance):
        if sum(widths[item.name] for item in there) <= width:
            break
        there.remove(column)
    return there


def _widest(chain: pl.DataFrame, column: Shown) -> int:
    return max(len(_cell(row, column)) for row in _rows(chain))


def _table(group: pl.DataFrame, shown: Sequence[Shown], *, ascii_only: bool) -> Table:
    table = Table(box=ASCII2 if ascii_only else SIMPLE_HEAD, pad_edge=False)
    for column in shown:
        table.add_column(column.heading, justify="left" if column.name == "right" else "right", no_wrap=True)
    for row in _rows(group):
        table.add_row(*(Text(_cell(row, column)) for column in shown))
    return table


def _rows(chain: pl.DataFrame) -> list[dict[str, Any]]:
    return chain.select(column.name for column in SHOWN if column.name in chain.columns).rows(named=True)


def _cell(row: dict[str, Any], column: Shown) -> str:
    value = plain(row[column.name])
    if value is None:
        return _MISSING
    if column.name == "volume_surprise":
        return wording.chance(value)
    return format(value, column.form)
