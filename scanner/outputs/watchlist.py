"""Watchlists of what was flagged: a full CSV for spreadsheets, and the lists that trading platforms import.

``generic`` has one row for each flagged contract or underlying, with every rule that flagged it. The other dialects
name each contract (or underlying) once, in the platform's own spelling, whatever the vendor's. Alerts of the whole
market name neither and are left out; so is what a platform has no name for, which :func:`left_out` tells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from scanner.alerts.model import MARKET, Alert, iso
from scanner.market import products, symbology
from scanner.market.calendar import Calendar
from scanner.outputs.delimited import csv_document, plain_number
from scanner.outputs.files import write_text
from scanner.outputs.text import file_name, printable


class Dialect(StrEnum):
    """Who reads the watchlist."""

    generic = "generic"
    tradingview = "tradingview"
    thinkorswim = "thinkorswim"
    ibkr = "ibkr"


COLUMNS = (
    "symbol",
    "underlying",
    "expiry",
    "strike",
    "right",
    "severity",
    "stars",
    "score",
    "rules",
    "first_seen",
    "last_seen",
    "session_date",
    "status",
    *MARKET,
    "message",
    "source",
    "simulated",
)
_TICKER = re.compile(r"[A-Z0-9]{1,8}([./\- ][A-Z0-9]{1,3})?")
# Interactive Brokers: where indices are found that are not at Cboe, and roots that are an index of their own there.
_IBKR_EXCHANGES = {
    "NDX": "NASDAQ",
    "XND": "NASDAQ",
    "NQX": "NASDAQ",
    "RUT": "RUSSELL",
    "RUI": "RUSSELL",
    "RLG": "RUSSELL",
    "RLV": "RUSSELL",
}
_IBKR_OWN_INDEX = frozenset({"XEO"})
_SUFFIX = {Dialect.generic: ".csv", Dialect.tradingview: ".txt", Dialect.thinkorswim: ".csv", Dialect.ibkr: ".csv"}


def generic(alerts: Iterable[Alert]) -> str:
    """The watchlist as CSV, newest session first and strongest first within it."""
    return csv_document(COLUMNS, (_row(group) for group in _subjects(alerts)))


def render(alerts: Iterable[Alert], dialect: Dialect, calendar: Calendar) -> str:
    """The watchlist as :func:`generic` has it, or in the same order as a platform imports it.

    ``calendar`` tells the dates on which several kinds of an index's contracts expire.
    """
    if dialect is Dialect.generic:
        return generic(alerts)
    platform = _PLATFORMS[dialect]
    lines = dict.fromkeys(line for group in _subjects(alerts) for line in _lines(group[0], platform, calendar))
    return "".join(f"{line}\n" for line in lines)


def left_out(alerts: Iterable[Alert], dialect: Dialect) -> list[str]:
    """A sentence about what a platform's list cannot name; none where it names everything."""
    if dialect is Dialect.generic:
        return []
    firsts = [group[0] for group in _subjects(alerts)]
    contracts = dict.fromkeys(contract.osi for alert in firsts for contract in _contracts(alert) if _is_odd(contract))
    names = dict.fromkeys(_name(alert) for alert in firsts if alert.contract is None and not _is_ticker(_name(alert)))
    told = {"adjusted, FLEX and mini contracts": contracts, "what is no ticker symbol": names}
    return [
        f"left out of the {dialect.value} watchlist, in which {what} cannot be named: {', '.join(unnamed)}"
        for what, unnamed in told.items()
        if unnamed
    ]


def write(alerts: Iterable[Alert], folder: Path, name: str, dialect: Dialect, calendar: Calendar) -> Path:
    """Write the watchlist of that name into a folder, whole or not at all; returns the file's path.

    A list of a simulated market says so in its file's name, since a platform's format cannot. Raises StoreError where
    it cannot be written.
    """
    listed = list(alerts)
    label = "SIMULATED-" if any(alert.simulated for alert in listed) else ""
    path = folder / f"{label}{file_name(name, 'watchlist')}{_SUFFIX[dialect]}"
    write_text(path, render(listed, dialect, calendar))
    return path


def _subjects(alerts: Iterable[Alert]) -> list[list[Alert]]:
    """Alerts about the same contract or underlying together: the newest and strongest first, in and among groups."""
    groups: dict[tuple[Any, ...], list[Alert]] = {}
    for alert in sorted(alerts, key=lambda item: (item.session_date, *item.strength, item.last_seen), reverse=True):
        if alert.underlying is not None:
            groups.setdefault(alert.subject, []).append(alert)
    return list(groups.values())


def _row(group: Sequence[Alert]) -> list[Any]:
    """One line of the generic dialect; numbers are those of the newest, strongest alert."""
    first = group[0]
    values: dict[str, Any] = {name: first.evidence.get(name) for name in MARKET}
    values |= {
        "symbol": first.contract or first.underlying,
        "underlying": first.underlying,
        "expiry": iso(first.expiry),
        "strike": first.strike,
        "right": first.right,
        "severity": max((alert.severity for alert in group), key=lambda severity: severity.rank).value,
        "stars": max((alert.stars for alert in group if alert.stars is not None), default=None),
        "score": max((alert.score for alert in group if alert.score is not None), default=None),
        "rules": ";".join(dict.fromkeys(alert.rule_id for alert in group)),
        "first_seen": iso(min(alert.first_seen for alert in group)),
        "last_seen": iso(max(alert.last_seen for alert in group)),
        "session_date": iso(first.session_date),
        "status": first.status.value,
        "message": first.message,
        "source": first.source,
        "simulated": first.simulated,
    }
    return [values[name] for name in COLUMNS]


def _contracts(alert: Alert) -> list[symbology.Contract]:
    """The contracts an alert names: its own, or those that drove it."""
    found = []
    for symbol in (alert.contract,) if alert.contract is not None else alert.drivers:
        try:
            found.append(symbology.parse_osi(symbol))
        except ValueError:
            continue
    return found


def _is_odd(contract: symbology.Contract) -> bool:
    """Whether platforms cannot tell a contract from the standard one with the same terms."""
    return symbology.root_info(contract.root).nonstandard


def _is_ticker(name: str) -> bool:
    """Whether a name is one that a platform may look up; what a file says may be anything, even a formula."""
    return _TICKER.fullmatch(name) is not None


def _lines(alert: Alert, platform: _Platform, calendar: Calendar) -> Iterable[str]:
    """What a platform's list says of an alert: its contracts and, where it is not about one, the underlying."""
    for contract in _contracts(alert):
        if not _is_odd(contract):
            yield platform.option(contract, _name(alert), calendar)
    if alert.contract is None and _is_ticker(_name(alert)):
        yield platform.underlying(_name(alert))


def _name(alert: Alert) -> str:
    return printable(symbology.ticker(alert.underlying or ""))


def _spelled(name: str, mark: str) -> str:
    """A ticker with the platform's mark between a company and its share class."""
    parts = symbology.share_class(name)
    return name if parts is None else mark.join(parts)


def _tradingview_option(contract: symbology.Contract, _: str, __: Calendar) -> str:
    """``OPRA:GOOG250912C235.0``: the strike always has a decimal."""
    strike = plain_number(contract.strike)
    decimal = strike if "." in strike else f"{strike}.0"
    return f"OPRA:{contract.root}{contract.expiry:%y%m%d}{contract.right}{decimal}"


def _thinkorswim_option(contract: symbology.Contract, _: str, __: Calendar) -> str:
    """``.GOOG250912C235``."""
    return f".{contract.root}{contract.expiry:%y%m%d}{contract.right}{plain_number(contract.strike)}"


def _ibkr_option(contract: symbology.Contract, underlying: str, calendar: Calendar) -> str:
    """Trader Workstation's import: DES, underlying, type, exchange, expiry, strike, right, multiplier.

    Such a line does not tell an index's contracts of one date but of different settlement apart; the exchange's symbol
    does: SYM, symbol, exchange.
    """
    info = symbology.root_info(contract.root)
    if symbology.is_ambiguous(info.underlying, contract.expiry, calendar):
        return f"SYM,{contract.root:<6}{contract.osi.removeprefix(contract.root)},SMART"
    own = underlying if symbology.plain_ticker(underlying) == info.underlying else info.underlying
    name = contract.root if contract.root in _IBKR_OWN_INDEX else _spelled(own, " ")
    right = "CALL" if contract.right == "C" else "PUT"
    strike = plain_number(contract.strike)
    return f"DES,{name},OPT,SMART,{contract.expiry:%Y%m%d},{strike},{right},{info.multiplier}"


def _ibkr_underlying(underlying: str) -> str:
    """``DES,GOOG,STK,SMART,,,,``; an index trades where it is calculated."""
    if products.index_roots(underlying):
        return f"DES,{underlying},IND,{_IBKR_EXCHANGES.get(underlying, 'CBOE')},,,,"
    return f"DES,{_spelled(underlying, ' ')},STK,SMART,,,,"


@dataclass(frozen=True, slots=True)
class _Platform:
    """How a platform spells a contract (of an underlying) and an underlying."""

    option: Callable[[symbology.Contract, str, Calendar], str]
    underlying: Callable[[str], str]


_PLATFORMS: dict[Dialect, _Platform] = {
    Dialect.tradingview: _Platform(_tradingview_option, partial(_spelled, mark=".")),
    Dialect.thinkorswim: _Platform(_thinkorswim_option, partial(_spelled, mark="/")),
    Dialect.ibkr: _Platform(_ibkr_option, _ibkr_underlying),
}
