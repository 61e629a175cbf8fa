"""Watchlists of what was flagged: a full CSV for spreadsheets, and the lists that trading platforms import.

``generic`` has one row for each flagged contract or underlying, with every rule that flagged it. The other dialects
name each contract (or underlying) once, in the platform's own spelling. Alerts of the whole market name neither and are
left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from scanner import symbology
from scanner.alerts.model import MARKET, Alert, iso
from scanner.outputs.delimited import csv_document, csv_line, plain_number
from scanner.outputs.files import write_text
from scanner.outputs.text import file_name


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
_SUFFIX = {Dialect.generic: ".csv", Dialect.tradingview: ".txt", Dialect.thinkorswim: ".csv", Dialect.ibkr: ".csv"}


def render(alerts: Iterable[Alert], dialect: Dialect = Dialect.generic) -> str:
    """The watchlist as text, newest session first and strongest first within it."""
    subjects = _subjects(alerts)
    if dialect is Dialect.generic:
        return csv_document(COLUMNS, (_row(group) for group in subjects))
    spell = _SPELLINGS[dialect]
    lines = dict.fromkeys(line for group in subjects for line in spell(group[0]))
    return "".join(f"{line}\n" for line in lines)


def write(alerts: Iterable[Alert], folder: Path, name: str, dialect: Dialect = Dialect.generic) -> Path:
    """Write the watchlist of that name into a folder, whole or not at all; returns the file's path.

    A list of a simulated market says so in its file's name, since a platform's format cannot. Raises StoreError where
    it cannot be written.
    """
    listed = list(alerts)
    label = "SIMULATED-" if any(alert.simulated for alert in listed) else ""
    path = folder / f"{label}{file_name(name, 'watchlist')}{_SUFFIX[dialect]}"
    write_text(path, render(listed, dialect))
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


def _tradingview(alert: Alert) -> Iterable[str]:
    """``OPRA:GOOG250912C235.0`` for options (the strike always has a decimal), the bare ticker for underlyings."""
    for contract in _contracts(alert):
        yield f"OPRA:{contract.root}{contract.expiry:%y%m%d}{contract.right}{_decimal(contract.strike)}"
    if alert.contract is None:
        yield _name(alert)


def _thinkorswim(alert: Alert) -> Iterable[str]:
    """``.GOOG250912C235`` for options, the bare ticker for underlyings."""
    for contract in _contracts(alert):
        yield f".{contract.root}{contract.expiry:%y%m%d}{contract.right}{plain_number(contract.strike)}"
    if alert.contract is None:
        yield _name(alert)


def _ibkr(alert: Alert) -> Iterable[str]:
    """Trader Workstation's import: DES, underlying, type, exchange, expiry, strike, right, multiplier."""
    for contract in _contracts(alert):
        info = symbology.root_info(contract.root)
        right = "CALL" if contract.right == "C" else "PUT"
        yield (
            f"DES,{info.underlying},OPT,SMART,{contract.expiry:%Y%m%d},"
            f"{plain_number(contract.strike)},{right},{info.multiplier}"
        )
    if alert.contract is None:
        name = _name(alert)
        kind = "IND,CBOE" if name in symbology.INDEX_UNDERLYINGS else "STK,SMART"
        yield f"DES,{name},{kind},,,,"


def _name(alert: Alert) -> str:
    """The underlying as one harmless field: what no ticker holds - a comma, a formula - is quoted or disarmed."""
    return csv_line([alert.underlying])


def _decimal(strike: float) -> str:
    text = plain_number(strike)
    return text if "." in text else f"{text}.0"


_SPELLINGS: dict[Dialect, Callable[[Alert], Iterable[str]]] = {
    Dialect.tradingview: _tradingview,
    Dialect.thinkorswim: _thinkorswim,
    Dialect.ibkr: _ibkr,
}
