"""``scanner store``: what the store holds, whether it is whole, making it whole, and letting go of the old."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli import options

if TYPE_CHECKING:
    from rich.console import Console

    from scanner.store.maintenance import Info, Verified

app = typer.Typer(
    help="What the store holds, and whether it is whole; rebuild, prune.", no_args_is_help=True, rich_markup_mode=None
)

_MEGABYTE = 1_000_000


@app.command("info")
def info(
    config: options.Config = None,
    store: options.StoreFolder = None,
    format: options.Format = options.OutputFormat.table,
    output: options.Output = None,
    no_color: options.NoColor = False,
) -> None:
    """What the store holds: sources, sessions, sizes, versions."""
    from scanner.app import storing
    from scanner.outputs import delimited, document, files, terminal
    from scanner.store import maintenance

    with storing.open_store(config, store, read_only=True) as opened:
        found = maintenance.info(opened)
    if format is options.OutputFormat.json:
        files.hand_out(document.to_json({"schema": 1, "store": maintenance.as_document(found)}) + "\n", output)
    elif format is options.OutputFormat.csv:
        rows = [tuple(row.values()) for row in maintenance.as_document(found)["sources"]]
        files.hand_out(delimited.csv_document(maintenance.SOURCE_COLUMNS, rows), output)
    else:
        with terminal.printing(output, no_color=no_color) as console:
            _print_info(found, console)


def _print_info(found: Info, to: Console) -> None:
    from rich.table import Table

    from scanner.outputs.text import printable

    to.print(f"{found.path}", soft_wrap=True)
    to.print(
        f"snapshots {found.snapshot_bytes / _MEGABYTE:,.1f} MB, summaries {found.summary_bytes / _MEGABYTE:,.1f} MB"
    )
    if found.set_aside:
        to.print(f"{found.set_aside:,} damaged files set aside in {found.path / 'set-aside'}", soft_wrap=True)
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
    to.print(printable(f"calculation version {', '.join(versions)}"))


@app.command("verify")
def verify(
    config: options.Config = None,
    store: options.StoreFolder = None,
    output: options.Output = None,
    no_color: options.NoColor = False,
) -> None:
    """Read everything back; set aside what is damaged and make it anew from what is whole. Exit 1 if anything was."""
    from scanner.app import storing
    from scanner.outputs import terminal
    from scanner.store import maintenance

    with storing.open_store(config, store) as opened, terminal.printing(output, no_color=no_color) as console:
        found = maintenance.verify(opened)
        damaged_state = storing.mend_state(opened.path)
        rebuilt = opened.catch_up()
        _print_verified(found, damaged_state, len(rebuilt), console)
    raise typer.Exit(0 if found.whole and not damaged_state else 1)


def _print_verified(found: Verified, damaged_state: list[str], rebuilt: int, to: Console) -> None:
    to.print(f"{found.snapshots:,} snapshot files and {found.summaries:,} summary files are whole.")
    for problem in (*found.damaged, *damaged_state):
        to.print(problem, soft_wrap=True)
    for path in found.set_aside:
        to.print(f"set aside: {path}", soft_wrap=True)
    if found.leftovers:
        to.print(f"Removed {len(found.leftovers):,} unfinished files of writers that were killed.")
    if rebuilt:
        to.print(f"Summarised {rebuilt:,} sessions anew.")


@app.command("rebuild")
def rebuild(
    config: options.Config = None,
    store: options.StoreFolder = None,
    output: options.Output = None,
    no_color: options.NoColor = False,
) -> None:
    """Make everything derived anew from the snapshots."""
    from scanner.app import storing
    from scanner.outputs import terminal
    from scanner.store import maintenance

    with storing.open_store(config, store) as opened, terminal.printing(output, no_color=no_color) as console:
        done = maintenance.rebuild(opened)
        console.print(f"Summarised {len(done):,} sessions anew.")


@app.command("prune")
def prune(
    config: options.Config = None,
    store: options.StoreFolder = None,
    keep: Annotated[
        str | None, typer.Option("--keep", metavar="AGE", help="Such as 400d; else the configuration's keep_snapshots.")
    ] = None,
    output: options.Output = None,
    no_color: options.NoColor = False,
) -> None:
    """Delete snapshots older than the configuration keeps them. Their summaries, and so the history, stay."""
    from scanner.app import storing
    from scanner.cli import common
    from scanner.outputs import terminal
    from scanner.store import maintenance

    age = storing.age_to_keep(config, keep)
    with storing.open_store(config, store) as opened, terminal.printing(output, no_color=no_color) as console:
        gone = maintenance.prune(opened, age, common.right_now())
        console.print(f"Deleted {terminal.counted(len(gone), 'snapshot file')} older than {_in_words(age)}.")


def _in_words(age: timedelta) -> str:
    from scanner.outputs import terminal

    days, rest = divmod(age, timedelta(days=1))
    return str(age) if rest else terminal.counted(days, "day")
