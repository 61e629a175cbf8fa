"""``scanner chain``: one chain with quotes, volatilities, greeks, volume, open interest and surprise."""

from __future__ import annotations

import logging
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from scanner.cli import options

if TYPE_CHECKING:
    import polars as pl

    from scanner.pricing import Curve

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
    from scanner import pipeline
    from scanner.app import opening
    from scanner.cli import common
    from scanner.errors import UsageError
    from scanner.market.symbology import ticker
    from scanner.outputs import chain_table

    common.configure_logging(quiet=quiet, verbose=verbose)
    settings = common.settings_for(config, store=store, source=source, path=path, accept_terms=accept_terms)
    wanted = right.strip().upper()[:1] if right else None
    if wanted not in (None, "C", "P"):
        raise UsageError(f"--right {right}: expected C or P")
    instant = common.instant_for(as_of, settings.exchange_calendar)
    request = pipeline.Request((ticker(symbol),), instant, common.right_now(), "chain")
    received, moment = opening.chain_of(settings, request, named_source=bool(source or path))
    assert received.chain is not None
    with opening.memory_if_there(settings) as memory:
        found = pipeline.look(received.chain, moment, memory.store, memory.state, settings).frames
    contracts = found["contract"]
    chosen = chain_table.select(contracts, expiry=_expiry(expiry, contracts), right=wanted, near=near)
    if chosen.is_empty():
        raise UsageError(f"{symbol}: no contract is left by --expiry, --right and --near")
    _show(chosen.head(limit) if limit else chosen, format, output, no_color=no_color)
    if near is not None and chosen["spot"].is_null().any():
        log.warning(
            "%s", "--near: no price of the underlying; strikes are counted from the forward, where there is one"
        )
    log.info("%s", _discounting(found["expiry"], pipeline.configured_curve(settings), received.chain))
    for problem in received.problems:
        log.warning("left out: %s", problem.message)
    raise typer.Exit(1 if received.problems else 0)


def _discounting(expiries: pl.DataFrame, curve: Curve, chain: pl.DataFrame) -> str:
    """Where the interest rates are from, for a person."""
    source = curve.source(cast("date", chain["session_date"].max()))
    told = (expiries["discount_source"] == "chain").sum()
    by_chain = f"; shifted in {told} expiries to the rate their own calls and puts tell" if told else ""
    return f"Discounted by the {source}{by_chain}."


def _expiry(named: str | None, contracts: pl.DataFrame) -> date | None:
    """``--expiry``: a date, or ``next`` for the nearest one that has not passed."""
    from scanner.cli import common

    if named is None:
        return None
    if named.strip().lower() != "next":
        return common.day_for("--expiry", named)
    coming = contracts.filter(contracts["years"] > 0)["expiry"]
    return cast("date | None", coming.min())


def _show(contracts: pl.DataFrame, format: options.OutputFormat, output: Path | None, *, no_color: bool) -> None:
    from scanner.outputs import chain_table, files, terminal

    if format is options.OutputFormat.table:
        with terminal.printing(output, no_color=no_color) as console:
            chain_table.print_table(contracts, console)
        return
    written = chain_table.to_csv if format is options.OutputFormat.csv else chain_table.to_json_document
    files.hand_out(written(contracts), output)
