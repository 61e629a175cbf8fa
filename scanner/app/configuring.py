"""From what a caller says to settings, symbols, moments and dates.

Every function of the application takes ``settings``: what :func:`settings` returned, or a configuration file to read
them from, or None for ``./config.yaml``, else the built-in default. Errors name an argument as the command line spells
it: ``--source`` is ``source``.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.errors import UsageError
from scanner.object_prefix import folder_of, store_place

if TYPE_CHECKING:
    from scanner.config import Settings
    from scanner.market.calendar import Calendar
    from scanner.severity import Severity

log = logging.getLogger(__name__)

Place = str | PathLike[str]


def settings(
    config: Settings | Place | None = None,
    *,
    store: Place | None = None,
    source: str | Sequence[str] | None = None,
    path: Place | None = None,
    accept_terms: Sequence[str] = (),
    rules: Sequence[Place] = (),
) -> Settings:
    """The configuration with what the caller says put over it.

    ``config`` is the file (None: ``./config.yaml``, else the built-in default), or settings to change. ``store`` is the
    store's folder, with the state in it, or the URL of a prefix in a bucket, with the state on this machine alone;
    ``source`` where chains come from, several in the order to try them; ``path`` recorded chains - a file, a folder or
    a glob -, which alone means ``source="files"``; ``accept_terms`` the sources whose terms of use the caller has read
    and accepts, beside those of the file; ``rules`` rule files and folders in place of the file's.
    Raises ConfigError with every problem of the file, each with its line, or UsageError.
    """
    from scanner import config as configuration
    from scanner.sources.registry import RECORDED

    chosen = config if isinstance(config, configuration.Settings) else configuration.load(as_path(config))
    if path is not None and source is None:
        source = RECORDED
    changes: dict[str, object] = {}
    if store is not None:
        changes |= {"store": chosen.store.model_copy(update={"path": store_place(store)}), "state": None}
    if source is not None:
        changes["source"] = _known_sources(source)
    if path is not None:
        changes["path"] = Path(path)
    if accept_terms:
        changes["accept_terms"] = (*chosen.accept_terms, *_known_sources(accept_terms, "--accept-terms"))
    if rules:
        changes["rules"] = tuple(map(Path, rules))
    return chosen.model_copy(update=changes)


def built_in(store: Place | None = None) -> Settings:
    """The settings that ship with the package, whatever configuration lies about."""
    from scanner import shipped

    return settings(shipped.default_config(), store=store)


def state_place(settings: Settings | Place | None, store: Place | None = None) -> Path | str:
    """Where the state is: in the store's folder named, for which no configuration is read, else as configured.

    A database is given by its URL, any other state by the folder that it lies in.
    """
    if store is not None:
        return folder_of(store_place(store))
    from scanner import config as configuration

    known = settings if isinstance(settings, configuration.Settings) else configuration.load(as_path(settings))
    return known.store.folder if known.state is None else known.state.get_secret_value()


def as_path(place: Place | None) -> Path | None:
    """A file or folder that a caller names, as a path."""
    return None if place is None else Path(place)


def _known_sources(named: str | Sequence[str], option: str = "--source") -> tuple[str, ...]:
    from scanner.sources.registry import vendor_of

    listed = named if isinstance(named, str) else ",".join(named)
    try:
        return tuple(vendor_of(part.strip().lower()).name for part in listed.split(","))
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from error


def symbols_for(given: str | Sequence[str], watchlist: str | None, settings: Settings) -> tuple[str, ...]:
    """The underlyings to look at: those given, else the watchlist named, else every watchlist; in order.

    ``@FILE`` stands for the names in a file, ``@megacap`` and the like for a built-in list. Each is there once, however
    it is spelled. Empty where there is nothing to go by. Raises UsageError for a watchlist or a file that does not
    exist.
    """
    from scanner.market import symbology, universes

    if given:
        listed = [given] if isinstance(given, str) else given
        named = (name for symbol in listed for name in (_named(symbol) if symbol.startswith("@") else (symbol,)))
        return symbology.each_once(symbology.ticker(symbol) for symbol in named if symbol.strip())
    if watchlist is not None:
        if watchlist not in settings.watchlists:
            if watchlist in universes.BUILT_IN:
                return universes.BUILT_IN[watchlist]
            there = ", ".join(sorted({*settings.watchlists, *universes.BUILT_IN}))
            raise UsageError(f"--watchlist {watchlist}: there is no such watchlist; there are: {there}")
        return settings.watchlists[watchlist]
    return symbology.each_once(symbol for names in settings.watchlists.values() for symbol in names)


def list_length(given: Sequence[str], watchlist: str | None, settings: Settings) -> int:
    """How many names :func:`symbols_for` gives; 0 where files tell, of names or of chains, for none is read."""
    from scanner.sources.registry import vendor_of

    if given:
        return 0 if any(symbol.startswith("@") for symbol in given) else len(given)
    if watchlist is not None:
        return len(settings.watchlists.get(watchlist, ()))
    if all(vendor_of(name).recorded for name in settings.source):
        return 0
    return sum(len(names) for names in settings.watchlists.values())


def _named(symbol: str) -> tuple[str, ...]:
    """The names in a file, or of a built-in list; what is left out of it is logged. Raises UsageError."""
    from scanner.market import universes

    found = universes.named(symbol)
    for sentence in found.left_out:
        log.warning("%s: %s", symbol, sentence)
    return found.symbols


def instant_for(as_of: str | date | None, calendar: Calendar) -> datetime | None:
    """``as_of`` as an instant, UTC: ISO 8601 text or a moment with its time zone; a bare date is that session's close.

    Raises UsageError where it cannot be read.
    """
    if as_of is None:
        return None
    if isinstance(as_of, datetime):
        if as_of.tzinfo is None:
            raise UsageError(f"--as-of {as_of}: a moment without a time zone; give it one, such as tzinfo=UTC")
        return as_of.astimezone(UTC)
    try:
        return calendar.parse_instant(str(as_of))
    except ValueError as error:
        raise UsageError(f"--as-of {error}") from error


def day_for(option: str, given: str | date) -> date:
    """A date, as such or as ISO text. Raises UsageError naming the option."""
    try:
        return given if isinstance(given, date) else date.fromisoformat(given)
    except ValueError as error:
        raise UsageError(f"{option} {given}: expected a date such as 2025-09-05") from error


def severity_for(named: str | None) -> Severity:
    """The least severity wanted: the one named, else the mildest. Raises UsageError for one that does not exist."""
    from scanner.severity import Severity

    try:
        return Severity.info if named is None else Severity(named)
    except ValueError:
        raise UsageError(f"--min-severity {named}: there are {', '.join(Severity)}") from None
