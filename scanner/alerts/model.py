"""The alert: what a user is told, typed, and exactly the keys that scripts read.

``Alert.as_dict`` is the stable ALERT object of ``--format json``; its keys and their order never change. A missing
value is None, never 0 or NaN. Times are UTC, sessions are New York dates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Self

from scanner.severity import Severity

# The market around a finding; evidence carries it beside what the rule looked at, and the watchlist lists it.
MARKET = (
    "spot",
    "last",
    "bid",
    "ask",
    "volume",
    "open_interest",
    "volume_expected",
    "volume_multiple",
    "volume_surprise",
    "volume_q",
    "premium",
    "iv",
    "iv_change",
    "delta",
    "dte",
    "put_call_volume",
)


class Status(StrEnum):
    """Where an episode stands."""

    new = "new"
    ongoing = "ongoing"
    escalated = "escalated"
    closed = "closed"


class Kind(StrEnum):
    """What a story probably is, by what a chain shows of it."""

    opening = "opening"
    roll = "roll"
    spread = "spread"
    conversion = "conversion"
    dividend_capture = "dividend capture"
    unknown = "unknown"


class Confirmation(StrEnum):
    """What the open interest of the following morning said about the flagged volume."""

    pending = "pending"
    confirmed = "confirmed"
    faded = "faded"
    unconfirmable = "unconfirmable"


@dataclass(frozen=True, slots=True)
class Baseline:
    """What "expected" was measured against.

    ``kind`` is ``own`` (the contract's or its pool's own history), ``prior`` (the model shipped with the package) or
    None where the rule uses no calibrated field; ``sessions`` counts the sessions behind it, ``first`` to ``last``.
    """

    kind: str | None = None
    sessions: int | None = None
    first: date | None = None
    last: date | None = None

    def as_dict(self) -> dict[str, Any]:
        """The ``baseline`` object of the document."""
        return {"kind": self.kind, "sessions": self.sessions, "from": iso(self.first), "to": iso(self.last)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read back what :meth:`as_dict` wrote."""
        return cls(values["kind"], values["sessions"], _date(values["from"]), _date(values["to"]))


@dataclass(frozen=True, slots=True)
class ScanMeta:
    """One scan: the ``scan`` object of the document, plus what the alerts need to know about it.

    ``as_of`` is the moment judged (UTC), ``session_date`` the session it lies in; ``baseline_sessions`` are the past
    sessions that the panel of each source offered, ascending.
    """

    id: str
    as_of: datetime
    started_at: datetime
    source: str
    simulated: bool
    calculation_version: str
    session_date: date
    finished_at: datetime | None = None
    symbols_requested: int = 0
    symbols_scanned: int = 0
    symbols_failed: int = 0
    contracts: int = 0
    rules: int = 0
    names: tuple[str, ...] = ()
    baseline_sessions: Mapping[str, tuple[date, ...]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The ``scan`` object of the document."""
        return {
            "id": self.id,
            "as_of": iso(self.as_of),
            "started_at": iso(self.started_at),
            "finished_at": iso(self.finished_at),
            "source": self.source,
            "simulated": self.simulated,
            "calculation_version": self.calculation_version,
            "session_date": iso(self.session_date),
            "symbols": {
                "requested": self.symbols_requested,
                "scanned": self.symbols_scanned,
                "failed": self.symbols_failed,
            },
            "contracts": self.contracts,
            "rules": self.rules,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read back what :meth:`as_dict` wrote, with ``names`` where they stand beside it."""
        symbols, finished = values["symbols"], values["finished_at"]
        return cls(
            id=values["id"],
            as_of=_instant(values["as_of"]),
            started_at=_instant(values["started_at"]),
            source=values["source"],
            simulated=values["simulated"],
            calculation_version=values["calculation_version"],
            session_date=date.fromisoformat(values["session_date"]),
            finished_at=None if finished is None else _instant(finished),
            symbols_requested=symbols["requested"],
            symbols_scanned=symbols["scanned"],
            symbols_failed=symbols["failed"],
            contracts=values["contracts"],
            rules=values["rules"],
            names=tuple(values.get("names", ())),
        )


@dataclass(frozen=True, slots=True)
class Alert:
    """One story about one identity, as it stood at its last update.

    ``contract``, ``expiry``, ``strike`` and ``right`` are None where the scope has none. ``score`` (0-100) and
    ``stars`` (0-5) are None for a rule without a calibrated field, and ``evidence`` then says so. ``session_date`` is
    the session of the last update, ``first_seen`` and ``last_seen`` the instants of the first and last scan that found
    it. ``evidence`` holds the rule's own fields first, then the market around them. ``once_in_sessions`` is in how many
    sessions as much comes once on this watchlist (None: not known yet), ``discovery`` whether it stands out among all
    that was looked at; ``premium`` (dollars) and ``premium_surprise`` are those of the whole story, which ``kind`` says
    what it probably is, and ``may_be`` why it might be nothing. ``context`` is what went on in the name meanwhile, by
    the names of its fields, and as ``story`` the contracts that are told together (:mod:`scanner.alerts.story`).
    """

    alert_id: str
    rule_id: str
    scope: str
    severity: Severity
    score: float | None
    stars: int | None
    status: Status
    confirmation: Confirmation
    session_date: date
    first_seen: datetime
    last_seen: datetime
    underlying: str | None
    contract: str | None
    expiry: date | None
    strike: float | None
    right: str | None
    title: str
    message: str
    evidence: Mapping[str, Any]
    drivers: tuple[str, ...]
    simulated: bool
    source: str
    baseline: Baseline = field(default_factory=Baseline)
    quote_time: datetime | None = None
    oi_asof: date | None = None
    once_in_sessions: float | None = None
    discovery: bool | None = None
    premium: float | None = None
    premium_surprise: float | None = None
    kind: Kind = Kind.unknown
    may_be: tuple[str, ...] = ()
    context: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The ALERT object of the document: plain JSON values only, in their fixed order."""
        return {
            "alert_id": self.alert_id,
            "rule_id": self.rule_id,
            "scope": self.scope,
            "severity": self.severity.value,
            "score": plain(self.score),
            "stars": self.stars,
            "status": self.status.value,
            "confirmation": self.confirmation.value,
            "session_date": iso(self.session_date),
            "first_seen": iso(self.first_seen),
            "last_seen": iso(self.last_seen),
            "underlying": self.underlying,
            "contract": self.contract,
            "expiry": iso(self.expiry),
            "strike": plain(self.strike),
            "right": self.right,
            "title": self.title,
            "message": self.message,
            "evidence": plain(self.evidence),
            "drivers": list(self.drivers),
            "simulated": self.simulated,
            "baseline": self.baseline.as_dict(),
            "source": self.source,
            "quote_time": iso(self.quote_time),
            "oi_asof": iso(self.oi_asof),
            "once_in_sessions": plain(self.once_in_sessions),
            "discovery": self.discovery,
            "premium": plain(self.premium),
            "premium_surprise": plain(self.premium_surprise),
            "kind": self.kind.value,
            "may_be": list(self.may_be),
            "context": plain(self.context),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read back what :meth:`as_dict` wrote. Raises KeyError or ValueError where it is not such an object."""
        return cls(
            alert_id=values["alert_id"],
            rule_id=values["rule_id"],
            scope=values["scope"],
            severity=Severity(values["severity"]),
            score=values["score"],
            stars=values["stars"],
            status=Status(values["status"]),
            confirmation=Confirmation(values["confirmation"]),
            session_date=date.fromisoformat(values["session_date"]),
            first_seen=_instant(values["first_seen"]),
            last_seen=_instant(values["last_seen"]),
            underlying=values["underlying"],
            contract=values["contract"],
            expiry=_date(values["expiry"]),
            strike=values["strike"],
            right=values["right"],
            title=values["title"],
            message=values["message"],
            evidence=dict(values["evidence"]),
            drivers=tuple(values["drivers"]),
            simulated=values["simulated"],
            source=values["source"],
            baseline=Baseline.from_dict(values["baseline"]),
            quote_time=None if values["quote_time"] is None else _instant(values["quote_time"]),
            oi_asof=_date(values["oi_asof"]),
            once_in_sessions=values.get("once_in_sessions"),
            discovery=values.get("discovery"),
            premium=values.get("premium"),
            premium_surprise=values.get("premium_surprise"),
            kind=Kind(values.get("kind", Kind.unknown)),
            may_be=tuple(values.get("may_be", ())),
            context=dict(values.get("context", {})),
        )

    @property
    def strength(self) -> tuple[int, bool, float, float]:
        """What sorts alerts for people: severity, a calibrated score before none, then how seldom it comes."""
        return self.severity.rank, self.score is not None, self.once_in_sessions or 0.0, self.score or 0.0

    @property
    def subject(self) -> tuple[Any, ...]:
        """What the alert is about, whichever rule raised it; alerts with the same subject tell of one thing."""
        ladder = self.evidence.get("first_strike"), self.evidence.get("last_strike")
        place = self.underlying, self.contract, self.expiry, self.strike, self.right
        return *place, *(ladder if self.scope == "ladder" else ()), self.simulated

    def changed(self, **values: Any) -> Self:
        """A copy with some fields replaced."""
        return replace(self, **values)


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A finding that did not become an alert, and why (see :mod:`scanner.alerts.selection`)."""

    alert: Alert
    identity: str
    reason: str


@dataclass(frozen=True, slots=True)
class NotJudged:
    """A rule that could not be decided for ``count`` rows of an underlying, with the reasons."""

    rule_id: str
    underlying: str | None
    reasons: tuple[str, ...]
    count: int

    def as_dict(self) -> dict[str, Any]:
        """One entry of the document's ``not_judged``."""
        # Written out: there may be thousands, and the general way copies every one of them deeply.
        return {
            "rule_id": self.rule_id,
            "underlying": self.underlying,
            "reasons": list(self.reasons),
            "count": self.count,
        }


def iso(moment: date | datetime | None) -> str | None:
    """ISO 8601: a date as ``2025-09-05``, an instant in UTC as ``2025-09-05T20:00:00Z``."""
    if isinstance(moment, datetime):
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return None if moment is None else moment.isoformat()


def plain(value: Any) -> Any:
    """Any value as plain JSON: dates and times as ISO text, NaN and infinities as None, containers all the way down."""
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date):
        return iso(value)
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return plain(value.item()) if hasattr(value, "item") else str(value)


def _date(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
