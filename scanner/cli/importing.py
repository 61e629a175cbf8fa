"""``scanner import``: recorded chains, and tables of events, into the store as history."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli import options

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from scanner.store.derive import Derived
    from scanner.store.importing import ImportReport, Recorded
    from scanner.store.store import Store

Paths = Annotated[
    list[Path], typer.Argument(metavar="PATH ...", help="Files, folders or globs of recorded chains, plain or gzip.")
]


def command(
    paths: Paths,
    config: options.Config = None,
    store: options.StoreFolder = None,
    format: options.Format = options.OutputFormat.table,
    output: options.Output = None,
    quiet: options.Quiet = False,
    no_color: options.NoColor = False,
) -> None:
    """Load recorded chains (and events.csv, renames.csv) into the store as history; importing twice changes nothing."""
    from scanner.app import storing
    from scanner.cli import common
    from scanner.outputs import delimited, document, files, imported, terminal
    from scanner.store.importing import ImportReport

    report = ImportReport()
    with storing.open_store(config, store) as opened, _progress(quiet=quiet, no_color=no_color) as bars:
        interrupted = _import(opened, paths, report, bars)
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
    raise typer.Exit(exit_code(report))


def exit_code(report: ImportReport) -> int:
    """3 where nothing could be taken, 1 where some files were refused, else 0."""
    if report.nothing_taken:
        return 3
    return 1 if report.refused_files else 0


def _import(store: Store, paths: list[Path], report: ImportReport, bars: _Bars) -> bool:
    """Import everything named; whether it was interrupted."""
    from scanner.cli import common
    from scanner.sources.files import read_recorded, recorded_files
    from scanner.store.importing import import_chains, import_tables, is_table

    tables = [file for path in paths for file in _files(path) if is_table(file)]
    chains = [path for path in paths if path not in tables]
    bars.reading(len({file for path in chains for file in recorded_files(path)}.difference(tables)))
    try:
        import_tables(store, tables, report)
        read = read_recorded(*chains, calendar=store.calendar, now=common.right_now())
        recorded = (item for item in read if item.path not in tables)
        import_chains(store, recorded, report, bars.read, bars.judging, bars.judged)
    except KeyboardInterrupt:
        return True
    return False


def _files(path: Path) -> list[Path]:
    """What a path names: a file, all files of a folder, or those that match a glob."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    matches = [path] if path.exists() else [Path(match) for match in glob.glob(str(path), recursive=True)]  # noqa: PTH207
    return sorted(file for file in matches if file.is_file())


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

    def read(self, item: Recorded) -> None:
        """A chain came out of a file, or nothing did; the files before that one are done."""
        self.files.add(item.path)
        self.chains += item.chain is not None
        self.progress.update(self.task, completed=len(self.files) - 1, said=f"files, {self.chains:,} chains")

    def judging(self, total: int) -> None:
        """All files are read; so many sessions are to be judged and summarised."""
        self.progress.update(self.task, description="judging", total=total, completed=0, said="sessions")

    def judged(self, _: Derived) -> None:
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
