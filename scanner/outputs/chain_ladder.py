"""One chain as traders read it: calls left, strikes in the middle, puts right; and its expiries at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scanner import wording
from scanner.alerts.rarity import stars
from scanner.outputs import alert_lines, chain_table
from scanner.outputs.chain_table import Shown
from scanner.outputs.terminal import say
from scanner.outputs.text import printable

# A chain of more expiries is shown at a glance first.
MANY_EXPIRIES = 8
_MISSING = "-"
_CALL, _PUT = "bright_blue", "dark_orange"


# From the outside in; the puts' side is the mirror, but that a bid stands before its ask on both.
_SIDE = (
    Shown("stars", "Stars", "", 3),
    Shown("volume", "Vol", ",d", 9),
    Shown("volume_expected", "Usual", "", 7),
    Shown("open_interest", "OI", ",d", 9),
    Shown("last", "Last", ",.2f", 2),
    Shown("bid", "Bid", ",.2f", 8),
    Shown("ask", "Ask", ",.2f", 8),
    Shown("iv", "IV", ".1f", 9),
    Shown("delta", "Delta", ".2f", 4),
)


def print_ladder(contracts: pl.DataFrame, expiries: pl.DataFrame, to: Console) -> None:
    """Print the contracts chosen, each root and expiry as a ladder; ``expiries`` is the frame of that scope."""
    if contracts.is_empty():
        to.print("No contracts.")
        return
    for line in chain_table.told(contracts):
        say(line, to)
    known = {(row["root"], row["expiry"]): row for row in expiries.iter_rows(named=True)}
    sides = _that_fit(contracts, to.width)
    if "Bid" not in [column.heading for column in sides]:
        say(Text("No quotes: last prices instead.", style="dim"), to)
    for (_, root, expiry), group in contracts.group_by("underlying", "root", "expiry", maintain_order=True):
        row = known.get((root, expiry), {})
        to.print()
        say(_heading(group, row), to)
        for line in _lines(group, row, sides, plain=to.options.ascii_only):
            to.print(line, soft_wrap=True)
        say(_totals(row), to)
    without = chain_table.reasons(contracts)
    if without:
        to.print(Text(f"No implied volatility: {without}.", style="dim"))


def print_expiries(contracts: pl.DataFrame, expiries: pl.DataFrame, to: Console) -> None:
    """Print a chain's expiries, one line each: volume, open interest, put/call, volatility and expected move."""
    for line in chain_table.told(contracts):
        say(line, to)
    session = contracts["session_date"][0]
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("Expiry", "Days", "Calls", "Puts", "Put/call", "OI calls", "OI puts", "ATM vol", "Move"):
        table.add_column(heading, justify="left" if heading == "Expiry" else "right", no_wrap=True)
    for row in expiries.sort("expiry", "root").iter_rows(named=True):
        root = "" if row["root"] == row["underlying"] else f" {printable(row['root'])}"
        counts = [_whole(row[name]) for name in ("call_volume", "put_volume")]
        held = [_whole(row[name]) for name in ("call_oi", "put_oi")]
        parts = [_percent(row[name]) for name in ("atm_iv", "expected_move_pct")]
        day = wording.day(row["expiry"], session)
        table.add_row(f"{day}{root}", str(row["dte"]), *counts, _ratio(row["put_call_volume"]), *held, *parts)
    to.print(table)


def _heading(group: pl.DataFrame, expiry: dict[str, Any]) -> Text:
    first = group.row(0, named=True)
    underlying, root = first["underlying"], first["root"]
    text = Text(printable(underlying if root == underlying else f"{underlying} ({root})"), style="bold")
    if first["spot"] is not None:
        text.append(f" {wording.price(first['spot'])}")
    days = "today" if first["dte"] == 0 else f"{first['dte']} day{'' if first['dte'] == 1 else 's'}"
    text.append(f"   {first['expiry'].day} {first['expiry']:%b %Y}, {days}")
    if expiry.get("forward") is not None:
        text.append(f"   forward {expiry['forward']:,.2f}")
    if expiry.get("atm_iv") is not None:
        text.append(f"   volatility {wording.percent(expiry['atm_iv'])}")
    return text.append("   SIMULATED" if first.get("simulated") else "")


def _lines(group: pl.DataFrame, expiry: dict[str, Any], sides: Sequence[Shown], *, plain: bool) -> list[Text]:
    """The heading and a line for each strike, what is alike below one another."""
    strikes = sorted(set(group["strike"]))
    rows = {(row["strike"], row["right"]): row for row in group.iter_rows(named=True)}
    centre = expiry.get("forward") or group["spot"][0]
    nearest = None if centre is None else min(strikes, key=lambda strike: abs(strike - centre))
    cells = {key: [_cell(row, column, plain=plain) for column in sides] for key, row in rows.items()}
    widths = [
        max(len(column.heading), *(len(cell[place]) for cell in cells.values())) for place, column in enumerate(sides)
    ]
    named = {strike: f"> {strike:,g} <" if strike == nearest else f"{strike:,g}" for strike in strikes}
    middle = max(len("STRIKE"), *(len(name) for name in named.values()))
    headings = [column.heading for column in sides]
    mirror = _mirror(headings)
    lines = [_line(headings, "STRIKE", headings, widths, middle, mirror, style="bold")]
    nothing = [""] * len(sides)
    for strike in strikes:
        left, right = (cells.get((strike, side), nothing) for side in ("C", "P"))
        lines.append(
            _line(left, named[strike], right, widths, middle, mirror, style="bold" if strike == nearest else "")
        )
    return lines


def _mirror(headings: Sequence[str]) -> list[int]:
    """The places of the columns as the puts' side has them."""
    places = list(range(len(headings)))[::-1]
    if "Bid" in headings and "Ask" in headings:
        bid, ask = (places.index(headings.index(name)) for name in ("Bid", "Ask"))
        places[bid], places[ask] = places[ask], places[bid]
    return places


def _line(
    left: Sequence[str],
    strike: str,
    right: Sequence[str],
    widths: Sequence[int],
    middle: int,
    mirror: Sequence[int],
    *,
    style: str,
) -> Text:
    calls = " ".join(cell.rjust(width) for cell, width in zip(left, widths, strict=True))
    puts = " ".join(right[place].rjust(widths[place]) for place in mirror)
    text = Text(style=style)
    return text.append(calls, style=_CALL).append(f"  {strike:^{middle}}  ").append(puts, style=_PUT)


def _cell(row: dict[str, Any], column: Shown, *, plain: bool) -> str:
    if column.name == "stars":
        once = row.get("once_in_sessions")
        return "" if not once else alert_lines.stars(stars(once), plain=plain)
    value = row.get(column.name)
    if value is None:
        return _MISSING
    if column.name == "volume_expected":
        return wording.lots(value) if value >= 0.05 else "0"
    return format(value * 100 if column.name == "iv" else value, column.form)


def _that_fit(contracts: pl.DataFrame, width: int) -> list[Shown]:
    """The columns of a side that fit a width, from those that have any value at all."""
    there = [column for column in _SIDE if _has_values(contracts, column.name)]
    if "bid" not in [column.name for column in there]:
        there = [Shown("last", "Last", ",.2f", 9) if column.name == "last" else column for column in there]
    rows = contracts.rows(named=True)
    widths = {
        column.name: 1 + max(len(column.heading), *(len(_cell(row, column, plain=True)) for row in rows))
        for column in there
    }
    middle = 4 + max(len("STRIKE"), *(len(f"> {strike:,g} <") for strike in contracts["strike"].unique()))
    for column in sorted(there, key=lambda item: item.importance):
        if middle + 2 * sum(widths[item.name] for item in there) <= width:
            break
        there.remove(column)
    return there


def _has_values(contracts: pl.DataFrame, name: str) -> bool:
    name = "once_in_sessions" if name == "stars" else name
    if name not in contracts.columns:
        return False
    values = contracts[name].drop_nulls()
    return bool((values > 0).any()) if name == "once_in_sessions" else len(values) > 0


def _totals(expiry: dict[str, Any]) -> Text:
    """What the whole expiry traded and holds, whichever strikes are shown."""
    calls = f"Calls {_whole(expiry.get('call_volume'))}  OI {_whole(expiry.get('call_oi'))}"
    puts = f"Puts {_whole(expiry.get('put_volume'))}  OI {_whole(expiry.get('put_oi'))}"
    ratio = f"put/call {_ratio(expiry.get('put_call_volume'))}, OI {_ratio(expiry.get('put_call_oi'))}"
    return Text(f"Whole expiry: {calls}   {ratio}   {puts}", style="dim")


def _whole(value: Any) -> str:
    return _MISSING if value is None else f"{value:,}"


def _ratio(value: Any) -> str:
    return _MISSING if value is None else f"{value:.2f}"


def _percent(value: Any) -> str:
    return _MISSING if value is None else wording.percent(value)
