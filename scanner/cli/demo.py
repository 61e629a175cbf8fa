"""``scanner demo``: the whole pipeline over a simulated market, in a temporary store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli import options

if TYPE_CHECKING:
    from rich.console import Console

    from scanner.config import Settings
    from scanner.outputs.report import Page
    from scanner.outputs.result import ScanResult
    from scanner.ruleset import Rule

WATCHLIST = Path("scanner-demo-watchlist.csv")
REPORT = "scanner-demo-report.html"
_PATIENCE = "simulating and judging forty sessions (the first run also compiles, for about a minute) ..."
_STORIES = {
    "goog-235": "GOOG gains 9 % in the week, volatility hardly lifts, and short-dated 235 calls build up.",
    "nvda-puts": "NVDA's put/call ratio rises to 0.70 from 0.58: nothing rare, but two strikes did it.",
}


def command(
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="Where the CSV watchlist goes.")] = WATCHLIST,
    format: options.Format = options.OutputFormat.table,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    no_color: options.NoColor = False,
) -> None:
    """Try everything on a SIMULATED market: history, scan, alerts and a CSV watchlist, with no key and no network."""
    from scanner import shipped
    from scanner.app import opening
    from scanner.cli import common, printing
    from scanner.outputs import files, report, terminal, watchlist

    common.configure_logging(quiet=quiet, verbose=verbose)
    settings = common.settings_for(shipped.default_config())
    usable, _ = opening.usable_rules(settings, strict=True)
    console = terminal.console(no_color=no_color)
    results, pages = [], []
    for story, told in _STORIES.items():
        if format is options.OutputFormat.table:
            _tell(console, story, told)
        with printing.waiting(_PATIENCE, quiet=quiet, no_color=no_color):
            result, page = _scan_story(story, settings, usable)
        results.append(result)
        pages.append(page)
        if format is options.OutputFormat.table:
            least = settings.outputs.terminal.min_severity
            terminal.print_result(result, console, min_severity=least, kept=False)
    if format is not options.OutputFormat.table:
        printing.Printing(format).show(results)
    files.write_text(output, watchlist.render([alert for result in results for alert in result.alerts]))
    page_file = output.with_name(REPORT)
    files.write_text(page_file, report.render(report.Report("Two stories in a simulated market", pages)))
    if format is options.OutputFormat.table:
        _say_what_next(console, output, page_file)


def _scan_story(story: str, settings: Settings, rules: list[Rule]) -> tuple[ScanResult, Page]:
    """Forty sessions of history into a temporary store, then a scan at the close of the last; with its page."""
    from scanner import pipeline
    from scanner.app import opening, reporting
    from scanner.cli import common
    from scanner.sources import simulated

    frames = list(simulated.sessions(story))
    *history, last = frames
    with opening.temporary_memory() as memory:
        assert memory.store is not None
        opening.remember(memory.store, history)
        moment = max(last["quote_time"])
        request = pipeline.Request(
            tuple(last["underlying"].unique(maintain_order=True)), moment, moment, f"demo-{story}"
        )
        source = simulated.SimulatedSource.of_scenario(story)
        result = pipeline.scan(request, [source], rules, settings, memory.store, memory.state, clock=common.right_now)
        return result, reporting.page_of(result, memory.store, memory.state, settings)


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
