"""What several commands need before they can work: settings with the command line's say, symbols, logging."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from scanner.errors import UsageError
from scanner.market import symbology
from scanner.outputs.text import printable, printable_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scanner.config import Settings
    from scanner.market.calendar import Calendar

log = logging.getLogger(__name__)


def configure_logging(*, quiet: bool, verbose: bool) -> None:
    """Send notes of this package to stderr: warnings only when quiet, everything when verbose."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_SafeFormatter("%(message)s"))
    package = logging.getLogger("scanner")
    package.setLevel(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)
    scheduler = logging.getLogger("apscheduler")
    scheduler.setLevel(logging.WARNING)
    for logger in (package, scheduler):
        logger.handlers = [handler]
        logger.propagate = False


class _SafeFormatter(logging.Formatter):
    """Notes as text that a terminal only shows: a line each, and the lines of a traceback."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 # the library's name
        return printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 # the library's name
        return printable_lines(super().formatException(ei))


def say(*lines: str) -> None:
    """Tell a person on stderr, as text that a terminal only shows: each of ``lines`` is one line, whatever is in it."""
    typer.echo("\n".join(map(printable, lines)), err=True)


def settings_for(
    config: Path | None,
    *,
    store: Path | None = None,
    source: str | None = None,
    path: Path | None = None,
    accept_terms: Sequence[str] | None = None,
    rules: Sequence[Path] | None = None,
) -> Settings:
    """The configuration with what the command line says put over it.

    ``--path`` alone means recorded chains. Raises ConfigError or UsageError.
    """
    from scanner import config as configuration
    from scanner.sources.registry import RECORDED

    settings = configuration.load(config)
    if path is not None and source is None:
        source = RECORDED
    changes: dict[str, object] = {}
    if store is not None:
        changes["store"] = settings.store.model_copy(update={"path": store})
    if source is not None:
        changes["source"] = _known_sources(source)
    if path is not None:
        changes["path"] = path
    if accept_terms:
        changes["accept_terms"] = (*settings.accept_terms, *_known_sources(",".join(accept_terms), "--accept-terms"))
    if rules:
        changes["rules"] = tuple(rules)
    if settings.outputs.notify:
        log.warning("outputs.notify: this version sends no messages; alerts are printed, stored and listed only")
    return settings.model_copy(update=changes)


def _known_sources(named: str, option: str = "--source") -> tuple[str, ...]:
    from scanner.sources.registry import vendor_of

    try:
        return tuple(vendor_of(part.strip().lower()).name for part in named.split(","))
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from error


def symbols_for(given: Sequence[str] | None, watchlist: str | None, settings: Settings) -> tuple[str, ...]:
    """The underlyings to look at: those given, else the watchlist named, else every watchlist; in order.

    Each is there once, however it is spelled. Empty where there is nothing to go by. Raises UsageError for a watchlist
    that does not exist.
    """
    if given:
        return symbology.each_once(symbology.ticker(symbol) for symbol in given if symbol.strip())
    if watchlist is not None:
        if watchlist not in settings.watchlists:
            there = ", ".join(sorted(settings.watchlists)) or "none"
            raise UsageError(f"--watchlist {watchlist}: there is no such watchlist; the configuration has: {there}")
        return settings.watchlists[watchlist]
    return symbology.each_once(symbol for names in settings.watchlists.values() for symbol in names)


def instant_for(as_of: str | None, calendar: Calendar) -> datetime | None:
    """``--as-of`` as an instant, UTC. Raises UsageError where it cannot be read."""
    if as_of is None:
        return None
    try:
        return calendar.parse_instant(as_of)
    except ValueError as error:
        raise UsageError(f"--as-of {error}") from error


def day_for(option: str, text: str) -> date:
    """A date of the command line. Raises UsageError naming the option."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: expected a date such as 2025-09-05") from error


def right_now() -> datetime:
    """The clock, read here and nowhere further in."""
    return datetime.now(UTC)
