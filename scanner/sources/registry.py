"""The register of vendors: one row says all that the rest of the program knows of one.

A vendor is its row here and the one module that the row names; nothing else names it. The module is imported when the
vendor is opened and has one function for that, ``open_source(settings, calendar, clock)``, which returns a
:class:`~scanner.sources.base.Source`. ``docs/adding-a-vendor.md`` goes through the steps.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from scanner.errors import TermsError, UsageError
from scanner.sources.base import Vendor

if TYPE_CHECKING:
    from scanner.market.calendar import Calendar
    from scanner.sources.base import Clock, Source, SourceSettings


_ROWS = (
    Vendor(
        "cboe",
        "delayed quotes",
        "scanner.sources.cboe",
        live=True,
        delay=timedelta(minutes=15),
        terms="cboe.com",
    ),
    Vendor(
        "files",
        "recorded chains of any vendor, named by `--path PATH` or `path:`",
        "scanner.sources.files",
        recorded=True,
    ),
    Vendor("simulated", "a market that no exchange ever made", "scanner.sources.simulated", simulated=True),
)
VENDORS: Mapping[str, Vendor] = MappingProxyType({vendor.name: vendor for vendor in _ROWS})
# What a path without a source's name means.
RECORDED = next(vendor.name for vendor in _ROWS if vendor.recorded)


def vendor_of(name: str) -> Vendor:
    """The row of a vendor. Raises UsageError with the nearest spelling where there is none of that name."""
    if name in VENDORS:
        return VENDORS[name]
    near = difflib.get_close_matches(name, VENDORS, n=1)
    there = "; ".join(f"{vendor.name} ({vendor.says})" for vendor in VENDORS.values())
    hint = f"; did you mean `{near[0]}`?" if near else ""
    raise UsageError(f"there is no source {name!r} in this version; there are: {there}{hint}")


def require_terms(name: str, accepted: Iterable[str]) -> None:
    """Stop before the first request to a site whose terms have not been accepted. Raises TermsError, in two lines."""
    site = vendor_of(name).terms
    if not site or name in set(accepted):
        return
    free = " and ".join(f"{vendor.name} ({vendor.says})" for vendor in VENDORS.values() if not vendor.terms)
    raise TermsError(
        f"{name}: the terms of {site} restrict automated and non-personal use; once you have read and accepted them, "
        f"give `--accept-terms {name}` or write `accept_terms: [{name}]` in config.yaml",
        f"sources that need no such step: {free}",
    )


def open_source(name: str, settings: SourceSettings, calendar: Calendar, clock: Clock | None = None) -> Source:
    """The source of that name, ready to use. Raises UsageError where it does not exist or lacks a setting.

    ``calendar`` tells the exchange's sessions, ``clock`` the time by which recorded chains from the future are known.
    """
    return cast("Source", import_module(vendor_of(name).module).open_source(settings, calendar, clock))
