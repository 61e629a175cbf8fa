"""Printing scans in the format asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.app import Severity
from scanner.cli import options

if TYPE_CHECKING:
    from scanner.outputs.news import News
    from scanner.outputs.result import ScanResult


@dataclass(frozen=True)
class Printing:
    """How results are printed: the command line's ``--format``, ``--output``, ``--min-severity`` and so on.

    ``terminal_severity`` is the configuration's, for tables where the command line does not say; ``lines`` puts each
    JSON document on a line of its own, however few there are; ``kept`` tells whether the alerts are in a store.
    ``held_back`` shows also what did not become an alert. ``news`` is who tells people only what changed since the scan
    before; without it they are told everything.
    """

    format: options.OutputFormat = options.OutputFormat.table
    output: Path | None = None
    min_severity: Severity | None = None
    limit: int | None = None
    no_color: bool = False
    terminal_severity: Severity = Severity.info
    lines: bool = False
    kept: bool = True
    news: News | None = None
    held_back: bool = False

    def show(self, results: Sequence[ScanResult]) -> None:
        """A table each for people, one JSON document each (a line each where there are many), or one CSV watchlist."""
        from scanner.outputs import document, files, watchlist

        if self.format is options.OutputFormat.table:
            self._tables(results)
            return
        chosen = [self._narrowed(result) for result in results]
        if self.format is options.OutputFormat.csv:
            text = watchlist.generic([alert for result in chosen for alert in result.alerts])
        elif len(chosen) == 1 and not self.lines:
            text = document.dumps(chosen[0], held_back=self.held_back) + "\n"
        else:
            lines = (document.dumps(result, indent=None, held_back=self.held_back) for result in chosen)
            text = "".join(f"{line}\n" for line in lines)
        files.hand_out(text, self.output)

    def _tables(self, results: Sequence[ScanResult]) -> None:
        from scanner.outputs import held_back, terminal

        least = self.min_severity or self.terminal_severity
        with terminal.printing(self.output, no_color=self.no_color) as console:
            for result in results:
                if self.news is None:
                    terminal.print_result(result, console, min_severity=least, limit=self.limit, kept=self.kept)
                else:
                    self.news.print(result, console, min_severity=least, limit=self.limit)
                if self.held_back:
                    held_back.show(held_back.of_result(result, self.limit), console)

    def _narrowed(self, result: ScanResult) -> ScanResult:
        """The same result with the alerts that were asked for."""
        return result.narrowed(self.min_severity or Severity.info, self.limit)
