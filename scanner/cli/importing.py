"""``scanner import``: recorded chains, and tables of events, into the store as history."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli import options

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


Paths = Annotated[
    list[Path],
    typer.Argument(metavar="PATH ...", help="Files, folders or globs of recorded chains or tapes, plain or gzip."),
]


def command(
    paths: Paths,
    config: options.Config = None,
    store: options.StoreFolder = None,
    format: options.Format = options.OutputFormat.table,
    output: options.Output = None,
    cluster: options.Cluster = None,
    workers: options.Workers = None,
    quiet: options.Quiet = False,
    no_color: options.NoColor = False,
) -> None:
    """Load recorded chains, tapes and tables (events.csv, renames.csv, daily closes) into the store.

    Importing twice changes nothing. With --workers or --cluster files of chains are read, and sessions summarised, side
    by side; tapes and tables are taken here. What is stored and printed is the same.
    """
    from scanner import app
    from scanner.app.importing import empty_report
    from scanner.cli import common
    from scanner.outputs import delimited, document, files, imported, terminal

    report = empty_report()
    interrupted = False
    try:
        with _progress(quiet=quiet, no_color=no_color) as bars:
            app.import_chains(
                *paths, settings=config, store=store, report=report, progress=bars, cluster=cluster, workers=workers
            )
    except KeyboardInterrupt:
        interrupted = True
    if format is options.OutputFormat.json:
        files.hand_out(document.to_json(imported.document(report)) + "\n", output)
    elif format is options.OutputFormat.csv:
        files.hand_out(delimited.csv_document(imported.COLUMNS, imported.rows(report)), output)
    else:
        with terminal.printing(output, no_color=no_color) as console:
            imported.print_report(report, console)
    if interrupted:
        common.say("interrupted; what was stored is kept, and the same command goes on from here")
        raise typer.Exit(130)
    raise typer.Exit(3 if report.nothing_taken else 1 if report.refused_files else 0)


@dataclass
class _Bars:
    """Two progress bars on a terminal: files read, then sessions judged. Elsewhere, nothing."""

    progress: Progress
    task: TaskID
    files: set[Path] = field(default_factory=set)
    chains: int = 0

    def reading(self, files: int) -> None:
        """So many files are to be read."""
        self.progress.update(self.task, description="reading", total=files or None, visible=True)

    def read(self, path: Path, *, taken: int) -> None:
        """A chain came out of a file, or nothing did; the files before that one are done."""
        self.files.add(path)
        self.chains += taken
        self.progress.update(self.task, completed=len(self.files) - 1, said=f"files, {self.chains:,} chains")

    def judging(self, total: int) -> None:
        """All files are read; so many sessions are to be judged and summarised."""
        self.progress.update(self.task, description="judging", total=total, completed=0, said="sessions")

    def judged(self) -> None:
        """One of them is done."""
        self.progress.advance(self.task)


@contextmanager
def _progress(*, quiet: bool, no_color: bool) -> Iterator[_Bars]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, no_color=no_color or None)
    said = TextColumn("{task.fields[said]}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), said, TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as progress:
        yield _Bars(progress, progress.add_task("reading", total=None, visible=False, said="files"))
