"""``scanner store``: what the store holds, whether it is whole, making it whole, and letting go of the old."""

from __future__ import annotations

from typing import Annotated

import typer

from scanner.cli import options

app = typer.Typer(
    help="What the store holds, and whether it is whole; rebuild, prune.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("info")
def info(
    config: options.Config = None,
    store: options.StoreFolder = None,
    format: options.Format = options.OutputFormat.table,
    output: options.Output = None,
    no_color: options.NoColor = False,
) -> None:
    """What the store holds: sources, sessions, sizes, versions."""
    from scanner.app import store_info
    from scanner.outputs import files, holdings, terminal

    found = store_info(settings=config, store=store)
    if format is not options.OutputFormat.table:
        files.hand_out(holdings.info_text(found, format.value), output)
        return
    with terminal.printing(output, no_color=no_color) as console:
        holdings.print_info(found, console)


@app.command("verify")
def verify(
    config: options.Config = None,
    store: options.StoreFolder = None,
    output: options.Output = None,
    no_color: options.NoColor = False,
) -> None:
    """Read everything back; set aside what is damaged and make it anew from what is whole. Exit 1 if anything was."""
    from scanner.app import verify_store
    from scanner.outputs import holdings, terminal

    with terminal.printing(output, no_color=no_color) as console:
        examined = verify_store(settings=config, store=store)
        holdings.print_verified(examined.found, examined.damaged_state, examined.rebuilt, console)
    raise typer.Exit(0 if examined.whole else 1)


@app.command("rebuild")
def rebuild(
    config: options.Config = None,
    store: options.StoreFolder = None,
    output: options.Output = None,
    no_color: options.NoColor = False,
) -> None:
    """Make everything derived anew from the snapshots."""
    from scanner.app import rebuild_store
    from scanner.outputs import terminal

    with terminal.printing(output, no_color=no_color) as console:
        done = rebuild_store(settings=config, store=store)
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
    """Delete snapshots, alerts and records older than the configuration keeps them. The history stays."""
    from scanner.app import prune_store
    from scanner.outputs import holdings, terminal

    with terminal.printing(output, no_color=no_color) as console:
        gone = prune_store(keep, settings=config, store=store)
        deleted = terminal.counted(len(gone.files), "snapshot file")
        console.print(f"Deleted {deleted} older than {holdings.in_words(gone.age)}.")
        if rows := sum(gone.rows.values()):
            console.print(f"Deleted {terminal.counted(rows, 'row')} of the state ({gone.rows['alerts']:,} alerts).")
