"""The HTML report: one page that needs nothing else, of one scan or of the sessions of a week.

Everything that came from elsewhere is text to the template, which escapes all of it; only the charts are markup, and
they hold numbers. No script runs and nothing is loaded: the page says so to the browser too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from scanner import wording
from scanner.activity.record import MAIN, Level, tier_words
from scanner.alerts.board import Line
from scanner.alerts.model import Alert, NotJudged, plain
from scanner.alerts.verdict import RuleScore
from scanner.outputs import calibration, following, held_back, numbers, sentence, terminal
from scanner.outputs.charts import alerts as alert_charts
from scanner.outputs.charts import names as name_charts
from scanner.outputs.charts.alerts import Around
from scanner.outputs.charts.names import Name
from scanner.outputs.column.writing import Column
from scanner.outputs.pages import template
from scanner.outputs.result import ScanResult
from scanner.outputs.text import printable
from scanner.severity import Severity

# The columns of the table of underlyings: field, heading.
UNDERLYINGS = (
    ("underlying", "Name"), ("spot", "Spot"), ("spot_change", "Change"), ("call_volume", "Calls"),
    ("put_volume", "Puts"), ("volume_ratio_20", "× 20-day mean"), ("put_call_volume", "Put/call"),
    ("put_call_volume_prev", "Put/call before"), ("iv30", "IV30"), ("iv30_change", "IV30 change"),
    ("iv_rank_252", "IV rank"), ("expected_move_pct", "Expected move"), ("next_earnings", "Earnings"),
)  # fmt: skip
# Where open interest sits, if dealers are long calls and short puts.
POSITIONING = (
    ("underlying", "Name"), ("gex", "Gamma per 1 %"), ("gamma_flip", "Changes sign at"), ("call_wall", "Call wall"),
    ("put_wall", "Put wall"), ("max_pain", "Max pain"), ("gamma_expiring_share_next", "Gamma gone at the next expiry"),
    ("notional_expiring", "Notional, next monthly"), ("zero_dte_share", "Expires today"),
)  # fmt: skip
# What is said of a name beside its charts.
FACTS = (
    "spot", "spot_change", "spot_change_week", "spot_change_ytd", "call_volume", "put_volume", "volume_ratio_20",
    "put_call_volume", "put_call_volume_prev", "near_dated_share", "zero_dte_share", "iv30", "iv30_change",
    "iv_rank_252", "iv_percentile_252", "hv_20", "iv_hv_ratio", "skew_25d", "gex", "gamma_flip", "call_wall",
    "put_wall", "max_pain", "gamma_expiring_share_next", "positive_gamma_expiring_share_next", "notional_oi",
    "notional_expiring", "expected_move_pct", "next_earnings",
    "earnings_implied_move_pct", "earnings_average_move_pct",
)  # fmt: skip
_HELD_BACK = 20
# What a card's headline already says.
_TOLD = frozenset({"volume", "volume_expected", "volume_multiple", "uncalibrated"})
_REASONS = 12


@dataclass(frozen=True, slots=True)
class Page:
    """One session of a report: what its scans found, what is around that, and its names one by one."""

    result: ScanResult
    around: Around | None = None
    names: Sequence[Name] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A title, its sessions (newest first), the calibration record, the scoreboard of rules, and what alerts came to.

    A week has a ``column`` before them, and may be that alone; then ``simulated`` tells of what market.
    """

    title: str
    pages: Sequence[Page]
    levels: Sequence[Level] = ()
    scores: Sequence[RuleScore] = ()
    outcomes: Sequence[Line] = ()
    column: Column | None = None
    simulated: bool = False


def render(report: Report) -> str:
    """The report as one HTML page."""
    return template("report.html.j2").render(
        title=printable(report.title),
        simulated=report.simulated or any(page.result.scan.simulated for page in report.pages),
        language="en" if report.column is None else report.column.language.value,
        column=report.column,
        pages=[_page(page) for page in report.pages],
        levels=[_level(level) for level in report.levels if level.channel == MAIN and level.realised > 0],
        every_level=[_level(level) for level in report.levels],
        scores=[_score(score) for score in report.scores],
        outcomes=following.board_rows(report.outcomes),
    )


def _page(page: Page) -> dict[str, Any]:
    result, scan = page.result, page.result.scan
    counts = {severity.value: sum(alert.severity is severity for alert in result.alerts) for severity in Severity}
    return {
        "session": scan.session_date,
        "as_of": terminal.new_york(scan.as_of),
        "source": printable(scan.source),
        "simulated": scan.simulated,
        "tiles": [
            ("alerts", f"{len(result.alerts):,}", ", ".join(f"{n} {s}" for s, n in reversed(counts.items()) if n)),
            ("names", f"{scan.symbols_scanned:,}", f"of {scan.symbols_requested:,} asked for"),
            ("contracts", f"{scan.contracts:,}", f"by {terminal.counted(scan.rules, 'rule')}"),
            ("held back", f"{sum(result.held_back.values()):,}", "findings that became no alert"),
        ],
        "alerts": list(_cards(result.alerts, page.around)),
        "names": [_name(name, number) for number, name in enumerate(page.names)],
        "held_back": [(printable(reason), count) for reason, count in sorted(result.held_back.items())],
        "held_back_items": [
            (*held_back.cells(item), printable(item.reason))
            for item in held_back.strongest_first(result.held_back_items)[:_HELD_BACK]
        ],
        "not_judged": list(_not_judged(result.not_judged)),
        "errors": [printable(f"{problem.symbol or problem.stage}: {problem.message}") for problem in result.errors],
        "notes": [printable(note) for note in result.notes],
        "tables": [] if result.underlyings is None else list(_tables(result.underlyings)),
    }


def _cards(alerts: Sequence[Alert], around: Around | None) -> Iterator[dict[str, Any]]:
    """One card for each thing that was flagged; what further rules say of it stands on it."""
    subjects: dict[tuple[object, ...], list[Alert]] = {}
    for alert in alerts:
        subjects.setdefault(alert.subject, []).append(alert)
    for first, *others in subjects.values():
        also = [(other.severity.value, printable(other.title), printable(other.message)) for other in others]
        yield {**_card(first, around), "also": also}


def _surprise(alert: Alert) -> float | None:
    """The chance that made an alert: of a contract its windows together, else the rarest of what its rule looked at."""
    evidence = alert.evidence
    told = (
        [evidence["combined_surprise"]] if evidence.get("combined_surprise") is not None else list(_surprises(evidence))
    )
    return None if alert.score is None else max(told, default=None)


def _surprises(evidence: Mapping[str, Any]) -> Iterator[float]:
    """Every surprise of the evidence but those of wider scopes; those of the contracts named (``driver.``) count."""
    for name, value in evidence.items():
        if "_surprise" in name and isinstance(value, float) and ("." not in name or name.startswith("driver.")):
            yield value


def _card(alert: Alert, around: Around | None) -> dict[str, Any]:
    evidence, surprise, said = alert.evidence, _surprise(alert), sentence.of(alert)
    drivers = alert.drivers if alert.contract is None else (alert.contract, *alert.drivers)
    return {
        "id": alert.alert_id,
        "severity": alert.severity.value,
        "stars": alert.stars,
        "score": None if alert.score is None else f"{alert.score:.0f}",
        "subject": said.about,
        "title": printable(alert.title),
        "rule": printable(alert.rule_id),
        "message": printable(alert.message),
        "status": alert.status.value,
        "confirmation": alert.confirmation.value,
        "rare": None if surprise is None or surprise < 1 else wording.chance(surprise),
        "measure": ", ".join(said.measure),
        "rarity": "; ".join(said.rarity),
        "beside": "; ".join(said.beside),
        "drivers": [sentence.contract(name, alert.session_date) for name in drivers] if len(drivers) > 1 else [],
        "doubts": "; ".join(said.doubts),
        "rests_on": terminal.rests_on(alert),
        "seen": f"{terminal.new_york(alert.first_seen)} to {terminal.new_york(alert.last_seen)}",
        "oi_asof": alert.oi_asof,
        "evidence": [
            (printable(numbers.title(alert.scope, name)), printable(numbers.with_unit(alert.scope, name, value)))
            for name, value in evidence.items()
            if name not in _TOLD
        ],
        "figures": alert_charts.of(alert, around),
    }


def _not_judged(items: Sequence[NotJudged]) -> Iterator[dict[str, Any]]:
    """What was not judged, by reason, the most rows first."""
    by_reason: dict[str, list[NotJudged]] = {}
    for item in items:
        by_reason.setdefault(terminal.reasons(item), []).append(item)
    groups = sorted(by_reason.items(), key=lambda group: -sum(item.count for item in group[1]))
    for reason, group in groups[:_REASONS]:
        names = sorted({item.underlying or "market" for item in group})
        yield {
            "reason": printable(reason),
            "names": printable(", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")),
            "rules": ", ".join(sorted({printable(item.rule_id) for item in group})),
            "rows": f"{sum(item.count for item in group):,}",
        }


def _name(name: Name, number: int) -> dict[str, Any]:
    row = {field: plain(value) for field, value in name.underlying.items()}
    of_sessions = dict.fromkeys(("iv_rank_252", "iv_percentile_252"), f" of {row.get('iv_sessions') or 0:,} sessions")
    return {
        "anchor": f"name-{number}",
        "title": printable(name.underlying["underlying"]),
        "facts": [
            (numbers.title("underlying", field), numbers.with_unit("underlying", field, row[field])
             + of_sessions.get(field, ""))
            for field in FACTS
            if row.get(field) is not None
        ],
        "figures": name_charts.of(name),
    }  # fmt: skip


def _tables(frame: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """The names, and where their open interest sits."""
    for title, columns in (("Names", UNDERLYINGS), ("Positioning", POSITIONING)):
        yield {"title": title, "headings": [heading for _, heading in columns], "rows": _underlyings(frame, columns)}


def _underlyings(frame: pl.DataFrame, columns: Sequence[tuple[str, str]]) -> list[list[str]]:
    """A row a name, the busiest first."""
    rows = [{name: plain(value) for name, value in row.items()} for row in frame.iter_rows(named=True)]
    rows.sort(key=lambda row: -((row.get("call_volume") or 0) + (row.get("put_volume") or 0)))
    return [[printable(numbers.with_unit("underlying", name, row.get(name))) for name, _ in columns] for row in rows]


def _level(level: Level) -> dict[str, Any]:
    return {
        "channel": _channel(level.channel),
        "source": printable(level.source),
        "stated": calibration.stated(level),
        "came": "never yet" if level.realised <= 0 else calibration.often(level.channel, level.realised),
        "ratio": f"{level.ratio:.2f}",
        "count": f"{level.count:,}",
        "sessions": level.sessions,
        "drifts": level.drifts,
    }


def _channel(channel: str) -> str:
    name, _, tier = channel.partition(" tier ")
    if name != MAIN:
        return printable(channel)
    return f"contracts: {tier_words(int(tier))}" if tier else "all contracts"


def _score(score: RuleScore) -> dict[str, Any]:
    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.0%}"

    return {
        "rule": printable(score.rule_id),
        "alerts": score.alerts,
        "confirmed": score.confirmed,
        "faded": score.faded,
        "unconfirmable": score.unconfirmable,
        "pending": score.pending,
        "share": share(score.confirmed_share),
        "matched": share(score.matched_share),
    }
