"""Live sources opened as the program opens them, against a server on the loopback interface."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from importlib import import_module

import vendor_stubs
from pytest_httpserver import HTTPServer
from standard import calendar

from scanner.sources.access import Access
from scanner.sources.base import Fetched, VendorOptions
from scanner.sources.http import Limits, PoliteClient
from scanner.sources.live import LiveSource
from scanner.sources.registry import VENDORS

# A vendor of closed sessions is asked on the morning after.
_MORNING_AFTER = {"alphavantage"}
# Those that are asked over HTTP.
LIVE = tuple(name for name, vendor in VENDORS.items() if vendor.live and vendor.site)


def kind_of(name: str) -> type[LiveSource]:
    """The class of a vendor's source."""
    (kind,) = (
        one for one in vars(import_module(VENDORS[name].module)).values()
        if isinstance(one, type) and issubclass(one, LiveSource) and one is not LiveSource
    )  # fmt: skip
    return kind


def source_of(
    name: str, url: str, secrets: Mapping[str, str] | None = None, workers: int = 1, **options: object
) -> LiveSource:
    """A vendor's source that asks a server at once and without waiting. ``secrets`` None: the one the stubs take."""
    client = PoliteClient(
        Limits(read_timeout=5.0, connect_timeout=2.0, attempts=2, at_once=workers),
        clock=lambda: 0.0,
        sleep=lambda _: None,
    )
    names = VENDORS[name].keys[0] if VENDORS[name].keys else ()
    given = dict.fromkeys(names, vendor_stubs.KEY) if secrets is None else dict(secrets)
    access = Access(VENDORS[name], client, VendorOptions(url=url, **options), given)  # type: ignore[arg-type]
    return kind_of(name)(access, calendar, workers=workers)


def moment_of(name: str) -> datetime:
    """When a vendor is asked for the stubs' market."""
    return vendor_stubs.NOW + timedelta(hours=20) if name in _MORNING_AFTER else vendor_stubs.NOW


def fetch(name: str, server: HTTPServer, symbol: str = "XYZ", secrets: Mapping[str, str] | None = None) -> Fetched:
    """What a vendor's source makes of one symbol, at the moment of the stubs' market."""
    (fetched,) = source_of(name, server.url_for(""), secrets).chains([symbol], moment_of(name))
    return fetched
