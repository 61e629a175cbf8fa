"""A tape on the terminal, as CSV and as JSON: orders first, then packages and campaigns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scanner import wording
from scanner.alerts.model import plain
from scanner.market.calendar import NEW_YORK
from scanner.market.symbology import parse_osi, underlying_of
from scanner.outputs import tape_words
from scanner.outputs.delimited import csv_document
from scanner.outputs.document import SCHEMA, to_json
from scanner.outputs.terminal import counted, new_york, print_banner, say
from scanner.outputs.text import printable
from scanner.tape.side import UNTOLD

if TYPE_CHECKING:
    import pandas as pd

    from scanner.tape.prints import Problem
    from scanner.tape.reading import Reading

ORDER_COLUMNS = (
    "source", "simulated", "session_date", "underlying", "contract", "time", "span_ms", "lots", "fills", "venues",
    "price", "low", "high", "premium", "buy_chance", "condition", "kind", "swept", "block", "usual_lots",
)  # fmt: skip
_SHOWN = 25
_FEW = 8


@dataclass(frozen=True, slots=True)
class TapeView:
    """The tape of one name and session as it was known at ``moment`` (UTC), narrowed to what was asked for.

    ``orders``, ``packages`` and ``campaigns`` have one row each, by time; ``prints`` are those received, which obey
    :mod:`scanner.tape.prints`. ``reading`` is the whole tape read, ``problems`` what was found wrong with it.
    """

    symbol: str
    session: date
    moment: datetime
    prints: pl.DataFrame
    orders: pl.DataFrame
    packages: pl.DataFrame
    campaigns: pl.DataFrame
    reading: Reading
    simulated: bool
    problems: tuple[Problem, ...]

    def to_pandas(self) -> pd.DataFrame:
        """``orders`` as a frame of pandas."""
        from scanner.frames import to_pandas

        return to_pandas(self.orders)


def largest(view: TapeView, limit: int | None) -> TapeView:
    """The same with so many of its orders, packages and campaigns, those that cost most, in their order of time."""
    if limit is None:
        return view
    found = {
        name: frame.filter(pl.col("premium").rank("ordinal", descending=True) <= limit)
        for name in ("orders", "packages", "campaigns")
        for frame in [getattr(view, name)]
    }
    return replace(view, **found)


def to_csv(view: TapeView) -> str:
    """The orders, one line each."""
    return csv_document(ORDER_COLUMNS, _texts(view.orders.select(ORDER_COLUMNS)).iter_rows())


def prints_to_csv(view: TapeView) -> str:
    """The prints as they were received, in the columns of the tape's contract: what `scanner import` takes."""
    return csv_document(view.prints.columns, _texts(view.prints).iter_rows())


def to_json_document(view: TapeView) -> str:
    """All of it: ``schema symbol session_date as_of simulated orders packages campaigns problems``."""
    told: dict[str, Any] = {
        "schema": SCHEMA,
        "symbol": view.symbol,
        "session_date": view.session.isoformat(),
        "as_of": view.moment.isoformat(),
        "simulated": view.simulated,
        "orders": _rows(view.orders.select(ORDER_COLUMNS)),
        "packages": _rows(view.packages),
        "campaigns": _rows(view.campaigns),
        "problems": [{"code": item.code, "message": str(item), "prints": item.prints} for item in view.problems],
    }
    return to_json(told) + "\n"


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return [plain(row) for row in _texts(frame).iter_rows(named=True)]


def _texts(frame: pl.DataFrame) -> pl.DataFrame:
    """Instants as ISO text to the nanosecond, which Python's own would cut, and every word as text."""
    instants = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime)]
    words = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Categorical | pl.Enum)]
    written = pl.col(instants).dt.strftime("%Y-%m-%dT%H:%M:%S%.9fZ")
    return frame.with_columns(written, pl.col(words).cast(pl.String)) if instants or words else frame


def show(view: TapeView, to: Console, *, limit: int | None = None) -> None:
    """Print the largest orders, packages and campaigns, and what the words mean."""
    print_banner(view.simulated, to)
    label = " (SIMULATED)" if view.simulated else ""
    heading = (
        f"{printable(view.symbol)}{label}, session {view.session}, up to {new_york(view.moment)}: "
        f"{counted(view.prints.height, 'print')}, {counted(view.orders.height, 'order')}, "
        f"{counted(view.packages.height, 'package')}"
    )
    say(Text(heading, style="bold"), to)
    count = limit or _SHOWN
    shown = view.orders.sort("premium", descending=True, maintain_order=True).head(count)
    if shown.height:
        to.print(_orders(shown))
        if view.orders.height > shown.height:
            say(f"{view.orders.height - shown.height:,} smaller orders: --limit {view.orders.height}", to)
    few = min(count, _FEW)
    if view.packages.height:
        say(Text("Packages: legs that traded together; the side of a leg is not known", style="bold"), to)
        whole = view.packages.filter(pl.col("legs") > 1) if (view.packages["legs"] > 1).any() else view.packages
        to.print(_packages(whole.sort("premium", descending=True, maintain_order=True).head(few)))
    if view.campaigns.height:
        say(Text("Campaigns: orders that came again and again in one contract on one side", style="bold"), to)
        to.print(_campaigns(view.campaigns.sort("premium", descending=True, maintain_order=True).head(few)))
    for line in _legend():
        say(Text(line, style="dim"), to)
    for problem in view.problems:
        say(Text(f"Tape: {printable(str(problem))}", style="yellow"), to)
    print_banner(view.simulated, to)


def _legend() -> Iterator[str]:
    yield "Side: the chance that the customer bought, by rules that are right on about 6 to 7 of 10; ? is not told."
    yield f"sweep (venues): {tape_words.SWEEP}. block: {tape_words.BLOCK} (Usual)."
    yield f"campaign: {tape_words.CAMPAIGN}."


def _table(*headings: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for heading in headings:
        right = heading in ("Lots", "Price", "Premium", "Usual", "Fills", "Orders", "Legs")
        wraps = heading in ("What", "Contracts")
        table.add_column(heading, no_wrap=not wraps, justify="right" if right else "left", overflow="fold")
    return table


def _orders(orders: pl.DataFrame) -> Table:
    table = _table("Time", "Contract", "Lots", "Price", "Premium", "Side", "What", "Usual")
    for row in orders.iter_rows(named=True):
        table.add_row(
            _clock(row["time"]), _contract(row["contract"], row["session_date"]), f"{row['lots']:,}",
            f"{row['price']:,.2f}", wording.money(row["premium"]), side(row["buy_chance"]), _what(row),
            f"{row['usual_lots']:g}",
        )  # fmt: skip
    return table


def _what(order: dict[str, Any]) -> str:
    """How an order traded, in a few words: ``block, sweep (3)``."""
    words = ["block"] if order["block"] else []
    if order["swept"]:
        words.append(f"sweep ({order['venues']})" if order["venues"] > 1 else "sweep")
    elif order["kind"] not in (None, "electronic"):
        words.append(order["kind"])
    return ", ".join(words) or "-"


def _contract(symbol: str, session: date) -> str:
    """A contract as people say it, ``235 C 12 Sep``; with its root where that is not the name's own."""
    said = parse_osi(symbol)
    root = "" if said.root == underlying_of(said.root) else f"{printable(said.root)} "
    return f"{root}{said.strike:g} {said.right} {wording.day(said.expiry, session)}"


def _packages(packages: pl.DataFrame) -> Table:
    table = _table("Time", "What", "Lots", "Premium", "Contracts")
    for row in packages.iter_rows(named=True):
        shown = ", ".join(_contract(name, row["session_date"]) for name in row["contracts"])
        table.add_row(_clock(row["time"]), row["structure"], f"{row['lots']:,}", wording.money(row["premium"]), shown)
    return table


def _campaigns(campaigns: pl.DataFrame) -> Table:
    table = _table("From", "To", "Contract", "Orders", "Lots", "Price", "Premium", "Side")
    for row in campaigns.iter_rows(named=True):
        table.add_row(
            _clock(row["begins"]), _clock(row["ends"]), _contract(row["contract"], row["begins"].date()),
            f"{row['orders']:,}", f"{row['lots']:,}", f"{row['price']:,.2f}", wording.money(row["premium"]),
            side(row["buy_chance"]),
        )  # fmt: skip
    return table


def side(buy_chance: float) -> str:
    """The likelier side with its chance: ``buy 62 %``; ``?`` where nothing tells."""
    if abs(buy_chance - UNTOLD) < 0.005:
        return "?"
    likelier = max(buy_chance, 1 - buy_chance)
    return f"{'buy' if buy_chance > UNTOLD else 'sell'} {likelier:.0%}".replace("%", " %")


def _clock(moment: Any) -> str:
    return f"{moment.astimezone(NEW_YORK):%H:%M:%S}"
