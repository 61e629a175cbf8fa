"""What a scheduled job does when its time has come."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanner.cli import options, scanning
from scanner.cli.printing import Printing
from scanner.cli.scan import exit_code

if TYPE_CHECKING:
    from scanner.config import Job, Settings
    from scanner.errors import ScanProblem
    from scanner.ruleset import Rule
    from scanner.sources.base import Source

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Worker:
    """Runs jobs with what was opened when the schedule began."""

    settings: Settings
    sources: Sequence[Source]
    rules: Sequence[Rule]
    problems: Sequence[ScanProblem]
    printing: Printing

    def run(self, job: Job, fail_on: options.Severity | None = None) -> int:
        """One run; prints what it found and returns the exit code that a scan of its own would have."""
        log.info("job %s: %s of %s", job.name, job.task, job.watchlist)
        symbols = self.settings.watchlists[job.watchlist]
        if job.task == "confirm":
            return self._confirm(symbols)
        result = scanning.scan_once(self.settings, self.sources, self.rules, symbols, None, self.problems)
        self.printing.show([result])
        return exit_code(result, fail_on)

    def _confirm(self, symbols: tuple[str, ...]) -> int:
        outcome = scanning.confirm_once(self.settings, self.sources, symbols)
        for line in outcome.sentences:
            log.info("%s", line)
        for problem in outcome.problems:
            log.warning("left out: %s", problem.message)
        return 1 if outcome.problems else 0
