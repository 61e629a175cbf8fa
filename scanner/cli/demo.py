"""``scanner demo``: the whole pipeline over a simulated market, in a temporary store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli import options

if TYPE_CHECKING:
    from rich.console import Console

WATCHLIST = Path("scanner-demo-watchlist.csv")
REPORT = "scanner-demo-report.html"
# Of the simulated market, at most.
_NAMES = 10
_PATIENCE = "simulating and judging forty sessions ..."


def command(
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="Where the CSV watchlist goes.")] = WATCHLIST,
    format: options.Format = options.OutputFormat.table,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    no_color: options.NoColor = False,
) -> None:
    """Try everything on a SIMULATED market: history, scan, alerts and a CSV watchlist, with no key and no network."""
    from scanner.cli import threads

    threads.use_for(_NAMES)
    from scanner.app import Severity, configuring, simulating
    from scanner.cli import common, printing, waiting
    from scanner.outputs import files, report, terminal, watchlist

    common.configure_logging(quiet=quiet, verbose=verbose)
    least = Severity(configuring.built_in().outputs.terminal.min_severity)
    console = terminal.console(no_color=no_color)
    results, pages = [], []
    for story, told in simulating.STORIES.items():
        if format is options.OutputFormat.table:
            _tell(console, story, told)
        with waiting.waiting(_PATIENCE, quiet=quiet, no_color=no_color):
            scanned = simulating.tell(story)
        results.append(scanned.result)
        pages.append(scanned.page)
        if format is options.OutputFormat.table:
            terminal.print_result(scanned.result, console, min_severity=least, kept=False)
    if format is not options.OutputFormat.table:
        printing.Printing(format).show(results)
    files.write_text(output, watchlist.generic([alert for result in results for alert in result.alerts]))
    page_file = output.with_name(REPORT)
    files.write_text(page_file, report.render(report.Report("Two stories in a simulated market", pages)))
    if format is options.OutputFormat.table:
        _say_what_next(console, output, page_file)


def _tell(console: Console, story: str, told: str) -> None:
    console.rule(f"Story planted in a SIMULATED market: {story}", style="bold")
    console.print(told)


def _say_what_next(console: Console, output: Path, page: Path) -> None:
    console.print(f"\nThe CSV watchlist of these SIMULATED alerts is in {output}", soft_wrap=True)
    console.print(f"The report, a page for a browser, is in {page}", soft_wrap=True)
    console.print("The stores of this demo were temporary and are gone. Next:")
    for line in (
        "scanner scan --source files --path FOLDER     scan chains you have recorded",
        "scanner import FOLDER                         load recorded chains as history",
        "scanner scan GOOG --accept-terms cboe         scan live delayed chains, once you have read the site's terms",
        "scanner rules list                            what is looked for, and why",
    ):
        console.print(f"  {line}")
