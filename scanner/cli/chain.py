"""``scanner chain``: one chain with quotes, volatilities, greeks, volume, open interest and surprise."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli import options

if TYPE_CHECKING:
    from scanner.app.looking import ChainView

log = logging.getLogger(__name__)


def command(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="The underlying, such as GOOG.")],
    expiry: Annotated[
        str | None, typer.Option("--expiry", metavar="DATE", help="Only this expiry (2025-09-12), or `next`.")
    ] = None,
    right: Annotated[str | None, typer.Option("--right", metavar="C|P", help="Only calls, or only puts.")] = None,
    near: Annotated[
        int | None, typer.Option("--near", min=1, metavar="N", help="Only the N strikes nearest to spot on each side.")
    ] = None,
    expiries: Annotated[
        bool, typer.Option("--expiries", help="The expiries at a glance, as is shown first of a chain of many.")
    ] = False,
    config: options.Config = None,
    store: options.StoreFolder = None,
    source: options.Source = None,
    path: options.RecordedPath = None,
    as_of: options.AsOf = None,
    format: options.Format = options.OutputFormat.table,
    output: options.Output = None,
    limit: options.Limit = None,
    accept_terms: options.AcceptTerms = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    no_color: options.NoColor = False,
) -> None:
    """Show one chain: quotes, implied volatility, greeks, volume, open interest and surprise."""
    from scanner import app
    from scanner.cli import common, threads

    common.configure_logging(quiet=quiet, verbose=verbose)
    threads.use_for(1)
    seen = app.chain(
        symbol,
        expiry=expiry,
        right=right,
        near=near,
        limit=limit,
        as_of=as_of,
        settings=config,
        source=source,
        path=path,
        store=store,
        accept_terms=accept_terms or (),
    )
    chosen = expiry or right or near
    _show(seen, format, output, no_color=no_color, glance=expiries, one_sided=right is not None, narrowed=bool(chosen))
    for note in seen.notes:
        log.warning("%s", note)
    log.info("%s", seen.discounting)
    for problem in seen.problems:
        log.warning("left out: %s", problem.message)
    raise typer.Exit(1 if seen.problems else 0)


def _show(
    seen: ChainView,
    format: options.OutputFormat,
    output: Path | None,
    *,
    no_color: bool,
    glance: bool,
    one_sided: bool,
    narrowed: bool,
) -> None:
    from scanner.outputs import chain_ladder, chain_table, files, terminal

    contracts, expiries = seen.frame, seen.frames["expiry"]
    if format is not options.OutputFormat.table:
        written = chain_table.to_csv if format is options.OutputFormat.csv else chain_table.to_json_document
        files.hand_out(written(contracts), output)
        return
    with terminal.printing(output, no_color=no_color) as console:
        if glance or (not narrowed and expiries.height > chain_ladder.MANY_EXPIRIES):
            chain_ladder.print_expiries(contracts, expiries, console)
            log.info(
                "Next: --expiry DATE or --expiry next shows one of them, --near N the strikes around the price of all"
            )
        elif one_sided:
            chain_table.print_table(contracts, console)
        else:
            chain_ladder.print_ladder(contracts, expiries, console)
