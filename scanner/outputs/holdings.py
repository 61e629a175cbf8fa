"""What a store holds, and whether it was found whole, for people and for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from scanner.outputs import delimited
from scanner.outputs.document import SCHEMA, to_json
from scanner.outputs.terminal import counted
from scanner.outputs.text import printable
from scanner.store import holdings

if TYPE_CHECKING:
    from datetime import timedelta

    from rich.console import Console

    from scanner.store.holdings import Info
    from scanner.store.maintenance import Verified

_MEGABYTE = 1_000_000


def info_text(found: Info, form: str) -> str:
    """What a store holds as ``json``, or its sources as ``csv``."""
    document = holdings.as_document(found)
    if form == "csv":
        rows = [tuple(row.values()) for row in document["sources"]]
        return delimited.csv_document(holdings.SOURCE_COLUMNS, rows)
    return to_json({"schema": SCHEMA, "store": document}) + "\n"


def print_info(found: Info, to: Console) -> None:
    """Print what a store holds, a line for each source."""
    here = "" if found.path == found.folder else f", on this machine in {found.folder}"
    to.print(f"{found.path}{here}", soft_wrap=True)
    to.print(
        f"snapshots {found.snapshot_bytes / _MEGABYTE:,.1f} MB, summaries {found.summary_bytes / _MEGABYTE:,.1f} MB"
    )
    if found.set_aside:
        to.print(f"{found.set_aside:,} damaged files set aside in {found.folder / 'set-aside'}", soft_wrap=True)
    if not found.sources:
        to.print("Nothing is stored yet; `scanner import PATH` or `scanner scan` fills it.")
        return
    # Nothing but the source's name may give way at 80 columns: half a date says nothing.
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for name in ("source", "names", "sessions", "from", "to", "chains", "contracts", "untrusted"):
        table.add_column(
            name,
            justify="left" if name in ("source", "from", "to") else "right",
            no_wrap=name != "source",
            overflow="fold",
            min_width=None if name == "source" else len("2026-08-21") if name in ("from", "to") else len(name),
        )
    for item in found.sources:
        table.add_row(
            printable(f"{item.source} SIMULATED" if item.simulated else item.source),
            f"{item.underlyings:,}",
            f"{item.sessions:,}",
            f"{item.first}",
            f"{item.last}",
            f"{item.chains:,}",
            f"{item.contract_rows:,}",
            f"{item.untrusted:,}",
        )
    to.print(table)
    versions = sorted({version for item in found.sources for version in item.calculation_versions})
    if versions:
        to.print(printable(f"calculation version {', '.join(versions)}"))


def print_verified(found: Verified, damaged_state: Sequence[str], rebuilt: int, to: Console) -> None:
    """Print what a verification found, in the history and in the state, and what it made anew."""
    files = f"{counted(found.snapshots, 'snapshot file')} and {counted(found.summaries, 'summary file')}"
    to.print(f"{files} are whole.")
    for problem in (*found.damaged, *damaged_state):
        to.print(problem, soft_wrap=True)
    for path in found.set_aside:
        to.print(f"set aside: {path}", soft_wrap=True)
    if found.leftovers:
        to.print(f"Removed {counted(len(found.leftovers), 'unfinished file')} of writers that were killed.")
    if rebuilt:
        to.print(f"Summarised {counted(rebuilt, 'session')} anew.")


def in_words(age: timedelta) -> str:
    """``400 days``, or to the second where it is no whole number of days."""
    return str(age) if age.seconds or age.microseconds else counted(age.days, "day")
