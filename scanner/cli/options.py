"""Options that mean the same in every command, declared once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from scanner.app import Severity


class OutputFormat(StrEnum):
    """What ``--format`` takes."""

    table = "table"
    json = "json"
    csv = "csv"


class LogFormat(StrEnum):
    """What ``--log-format`` takes."""

    text = "text"
    json = "json"


def one_of(names: Sequence[str]) -> Callable[[str | None], str | None]:
    """Refuses what is none of some names that a register knows; of those declared here an enumeration does."""

    def check(given: str | None) -> str | None:
        if given is not None and given not in names:
            raise typer.BadParameter(f"{given!r} is not one of {', '.join(names)}.")
        return given

    return check


Symbols = Annotated[list[str] | None, typer.Argument(metavar="SYMBOL", help="Underlyings, such as GOOG NVDA.")]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Configuration; else ./config.yaml, else the default.")
]
Rules = Annotated[
    list[Path] | None, typer.Option("--rules", metavar="PATH", help="A rule file or folder; may be repeated.")
]
StoreFolder = Annotated[
    str | None, typer.Option("--store", metavar="DIR", help="The store's folder, or such as s3://bucket/prefix.")
]
Source = Annotated[str | None, typer.Option("--source", metavar="NAME", help="Where chains come from.")]
RecordedPath = Annotated[
    Path | None, typer.Option("--path", metavar="PATH", help="Recorded chains, for --source files.")
]
Watchlist = Annotated[str | None, typer.Option("--watchlist", metavar="NAME", help="A watchlist of the configuration.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="TIME", help="ISO 8601 time; a bare date means that session's close."),
]
Format = Annotated[OutputFormat, typer.Option("--format", help="How results are printed.")]
Output = Annotated[Path | None, typer.Option("--output", metavar="FILE", help="Write results here, not to stdout.")]
Cluster = Annotated[
    str | None,
    typer.Option("--cluster", metavar="ADDRESS", help="Work on the workers of a Dask scheduler, tcp://HOST:8786."),
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, metavar="N", help="Work in N processes of this machine.")
]
MinSeverity = Annotated[Severity | None, typer.Option("--min-severity", help="Leave out milder alerts.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="At most this many.")]
HeldBack = Annotated[bool, typer.Option("--held-back", help="Show also what did not become an alert, and why.")]
FailOn = Annotated[Severity | None, typer.Option("--fail-on", help="Exit 10 on an alert of this severity or above.")]
AcceptTerms = Annotated[
    list[str] | None,
    typer.Option("--accept-terms", metavar="NAME", help="You have read and accept this source's terms of use."),
]
Strict = Annotated[bool, typer.Option("--strict", help="A broken rule stops everything (exit 2).")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes on stderr.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more on stderr.")]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colours (NO_COLOR does the same).")]
LogForm = Annotated[LogFormat, typer.Option("--log-format", help="Logs as text with times, or as JSON lines.")]
LogFile = Annotated[
    Path | None, typer.Option("--log-file", metavar="FILE", help="Logs go here, rotated; failures to stderr too.")
]
