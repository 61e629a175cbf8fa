"""The register of vendors: one row says all that the rest of the program knows of one.

A vendor is its row here and the one module that the row names; nothing else names it. The module is imported when the
vendor is opened and has one function for that, ``open_source(settings, calendar, clock)``, which returns a
:class:`~scanner.sources.base.Source`. ``docs/adding-a-vendor.md`` goes through the steps.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from datetime import time, timedelta
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from scanner.errors import TermsError, UsageError
from scanner.sources.base import Gives, Rate, Vendor

if TYPE_CHECKING:
    from scanner.market.calendar import Calendar
    from scanner.sources.base import Clock, Source, SourceSettings

_QUARTER_HOUR = timedelta(minutes=15)
_ROWS = (
    Vendor(
        "cboe",
        "delayed quotes",
        "scanner.sources.cboe",
        live=True,
        delay=_QUARTER_HOUR,
        terms="cboe.com",
        site="https://cdn.cboe.com",
        gives=frozenset({Gives.chains, Gives.closes}),
        rate=Rate(1, 1.0),
    ),
    Vendor(
        "tradier",
        "a broker's chains, with an account",
        "scanner.sources.tradier",
        live=True,
        site="https://api.tradier.com/v1",
        keys=(("TRADIER_TOKEN",),),
        gives=frozenset({Gives.chains, Gives.closes}),
        rate=Rate(60),
        at_once=2,
        calls_a_chain=20,
    ),
    Vendor(
        "massive",
        "formerly Polygon; snapshots on paid plans",
        "scanner.sources.massive",
        live=True,
        delay=_QUARTER_HOUR,
        site="https://api.massive.com",
        keys=(("MASSIVE_API_KEY",), ("POLYGON_API_KEY",)),
        gives=frozenset({Gives.chains, Gives.trades, Gives.flagged, Gives.history, Gives.closes, Gives.news}),
        rate=Rate(300),
        at_once=4,
        calls_a_chain=12,
        price="by the month",
    ),
    Vendor(
        "marketdata",
        "MarketData.app, paid by the contract",
        "scanner.sources.marketdata",
        live=True,
        delay=_QUARTER_HOUR,
        site="https://api.marketdata.app",
        keys=(("MARKETDATA_TOKEN",),),
        gives=frozenset({Gives.chains, Gives.history, Gives.closes}),
        rate=Rate(60, day_begins=time(9, 30)),
        price="one credit for each contract; a whole chain takes thousands",
        lacks=frozenset({"last_trade_time"}),
    ),
    Vendor(
        "alpaca",
        "a broker's snapshots, with an account",
        "scanner.sources.alpaca",
        live=True,
        delay=_QUARTER_HOUR,
        site="https://data.alpaca.markets",
        keys=(("APCA_API_KEY_ID", "APCA_API_SECRET_KEY"),),
        gives=frozenset({Gives.chains, Gives.trades, Gives.history, Gives.closes, Gives.news}),
        rate=Rate(200),
        at_once=4,
        calls_a_chain=7,
        dates_open_interest=True,
    ),
    Vendor(
        "schwab",
        "a broker's chains, with an account",
        "scanner.sources.schwab",
        live=True,
        site="https://api.schwabapi.com",
        keys=(("SCHWAB_ACCESS_TOKEN",), ("SCHWAB_APP_KEY", "SCHWAB_APP_SECRET", "SCHWAB_REFRESH_TOKEN")),
        rate=Rate(120),
        at_once=2,
        calls_a_chain=4,
    ),
    Vendor(
        "yahoo",
        "an unofficial site, to check other sources by",
        "scanner.sources.yahoo",
        live=True,
        delay=_QUARTER_HOUR,
        terms="yahoo.com",
        site="https://query2.finance.yahoo.com",
        gives=frozenset({Gives.chains, Gives.closes}),
        rate=Rate(30),
        calls_a_chain=20,
        lacks=frozenset({"bid_size", "ask_size", "vendor_delta"}),
        warns=(
            "yahoo is for checking other sources by: it has spells without open interest, volumes of earlier days, and "
            "quotes of 0 outside the session"
        ),
    ),
    Vendor(
        "thetadata",
        "the vendor's terminal on this machine",
        "scanner.sources.thetadata",
        live=True,
        site="http://127.0.0.1:25503",
        gives=frozenset({Gives.chains, Gives.history}),
        rate=Rate(20),
        calls_a_chain=4,
        price="by the month; the terminal has the account",
        dates_open_interest=True,
        lacks=frozenset({"last_trade_time"}),
    ),
    Vendor(
        "moomoo",
        "a broker's OpenD on this machine, through its own package (extra `moomoo`)",
        "scanner.sources.moomoo",
        live=True,
        gives=frozenset({Gives.chains, Gives.flagged, Gives.ranks}),
        rate=Rate(60, 30.0),
        calls_a_chain=24,
        price="the account's right to option quotes",
        lacks=frozenset({"last_trade_time"}),
    ),
    Vendor(
        "unusualwhales",
        "option contracts and flow alerts on paid plans",
        "scanner.sources.unusual_whales",
        live=True,
        site="https://api.unusualwhales.com",
        keys=(("UNUSUAL_WHALES_API_KEY",),),
        gives=frozenset({Gives.chains, Gives.trades, Gives.dark_pool}),
        rate=Rate(120, a_day=15_000, day_begins=time(20, 0)),
        at_once=2,
        calls_a_chain=8,
        price="by the month",
        lacks=frozenset({"bid_size", "ask_size", "last_trade_time", "spot", "vendor_delta"}),
    ),
    Vendor(
        "intrinio",
        "real-time or delayed chains on paid plans",
        "scanner.sources.intrinio",
        live=True,
        delay=_QUARTER_HOUR,
        site="https://api-v2.intrinio.com",
        keys=(("INTRINIO_API_KEY",),),
        gives=frozenset({Gives.chains, Gives.flagged, Gives.history}),
        rate=Rate(300),
        at_once=2,
        calls_a_chain=20,
        price="by the month",
    ),
    Vendor(
        "alphavantage",
        "chains of closed sessions",
        "scanner.sources.alphavantage",
        live=True,
        delay=timedelta(hours=12),
        site="https://www.alphavantage.co",
        keys=(("ALPHAVANTAGE_API_KEY",),),
        gives=frozenset({Gives.chains, Gives.history}),
        rate=Rate(1, 1.0, a_day=25),
        price="25 calls a day without charge",
        lacks=frozenset({"last_trade_time", "spot"}),
    ),
    Vendor(
        "files",
        "recorded chains of any vendor, named by `--path PATH` or `path:`",
        "scanner.sources.files",
        recorded=True,
    ),
    Vendor("simulated", "a market that no exchange ever made", "scanner.sources.simulated", simulated=True),
)
_BESIDE_CHAINS = (
    Vendor(
        "occ",
        "the clearing house's open interest by series",
        "scanner.sources.companions.occ",
        live=True,
        site="https://marketdata.theocc.com",
        gives=frozenset({Gives.open_interest}),
        rate=Rate(1, 1.0),
    ),
    Vendor(
        "nasdaq",
        "calendars of earnings, dividends and splits",
        "scanner.sources.companions.nasdaq",
        live=True,
        terms="nasdaq.com",
        site="https://api.nasdaq.com",
        gives=frozenset({Gives.announcements}),
        rate=Rate(60),
    ),
    Vendor(
        "nasdaqtrader",
        "trading halts of all exchanges",
        "scanner.sources.companions.halts",
        live=True,
        site="https://www.nasdaqtrader.com",
        gives=frozenset({Gives.news}),
        rate=Rate(1, 1.0),
    ),
    Vendor(
        "finra",
        "volume reported off the exchanges, of the day before",
        "scanner.sources.companions.finra",
        live=True,
        site="https://cdn.finra.org",
        gives=frozenset({Gives.dark_pool}),
        rate=Rate(30),
    ),
    Vendor(
        "finra-ats",
        "volume on alternative trading systems by week, weeks late",
        "scanner.sources.companions.ats",
        live=True,
        site="https://api.finra.org",
        gives=frozenset({Gives.dark_pool}),
        rate=Rate(30),
    ),
    Vendor(
        "sec",
        "filings with the SEC, which wants an address to write to",
        "scanner.sources.companions.sec",
        live=True,
        site="https://data.sec.gov",
        keys=(("SEC_CONTACT",),),
        gives=frozenset({Gives.news}),
        rate=Rate(300),
    ),
)
VENDORS: Mapping[str, Vendor] = MappingProxyType({vendor.name: vendor for vendor in _ROWS})
# Vendors of what stands beside chains, and has none.
COMPANIONS: Mapping[str, Vendor] = MappingProxyType({vendor.name: vendor for vendor in _BESIDE_CHAINS})
# What a path without a source's name means.
RECORDED = next(vendor.name for vendor in _ROWS if vendor.recorded)


def vendor_of(name: str) -> Vendor:
    """The row of a vendor. Raises UsageError with the nearest spelling where there is none of that name."""
    if name in VENDORS:
        return VENDORS[name]
    near = difflib.get_close_matches(name, VENDORS, n=1)
    there = "; ".join(f"{vendor.name} ({vendor.says})" for vendor in VENDORS.values())
    hint = f"; did you mean `{near[0]}`?" if near else ";"
    raise UsageError(f"there is no source {name!r} in this version{hint} there are: {there}")


def companion_of(kind: Gives, name: str) -> Vendor:
    """The row of a vendor that gives one kind of what stands beside chains. Raises UsageError with those that do."""
    vendor = {**VENDORS, **COMPANIONS}.get(name)
    if vendor is not None and kind in vendor.gives:
        return vendor
    there = [one.name for one in (*VENDORS.values(), *COMPANIONS.values()) if kind in one.gives]
    raise UsageError(f"{name!r} gives no {kind.replace('_', ' ')}; there are: {', '.join(there)}")


def require_terms(name: str, accepted: Iterable[str]) -> None:
    """Stop before the first request to a site whose terms have not been accepted. Raises TermsError, in two lines."""
    site = (COMPANIONS.get(name) or vendor_of(name)).terms
    if not site or name in set(accepted):
        return
    free = " and ".join(
        f"{vendor.name} ({vendor.says})" for vendor in VENDORS.values() if not vendor.terms and not vendor.live
    )
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
