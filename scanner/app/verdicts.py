"""What the newest scan said of one contract by one rule, and the numbers that it said so from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from scanner.errors import UsageError
from scanner.outputs.verdict import Outcome, Verdict

if TYPE_CHECKING:
    import polars as pl

    from scanner.alerts.model import Alert
    from scanner.config import Settings
    from scanner.ruleset import Rule
    from scanner.ruleset.explain import Traced
    from scanner.store.state import Ledger, State
    from scanner.store.store import Store


def verdict(rule: Rule, contract: str, settings: Settings, until: datetime | None = None) -> Verdict:
    """The newest scan's verdict (up to a moment) on one contract by one rule.

    What was told or held back is read from the state, as that scan left it. The conditions are shown on the quotes that
    the store kept of it, all names of them judged together, so that the numbers are the scan's. Raises UsageError where
    no scan has looked at the contract, StoreError where nothing is stored.
    """
    from scanner import pipeline
    from scanner.app import opening, preparing
    from scanner.ruleset import explain as explaining

    with opening.open_state(settings, read_only=True) as state:
        found = _newest_scan(state, opening.open_history(settings), contract, until)
        if found is None:
            raise UsageError(f"--contract {contract}: no scan in {settings.store.path} has looked at it")
        run, chain, kept = found
        moment = datetime.fromisoformat(run["as_of"])
        measured = pipeline.look(chain, moment, preparing.setup(settings, kept, state))
        row = measured.frames["contract"].row(by_predicate=_is(contract), named=True)
        about = {**measured.frames, rule.scope: _about(measured.frames[rule.scope], row)}
        traced = tuple(explaining.trace(rule, about, limit=max(about[rule.scope].height, 1)))
        with state.read() as ledger:
            outcome, why, alert = _outcome(rule, row, traced, ledger, run)
    return Verdict(rule.id, contract, moment, outcome, why, alert, traced)


def _is(contract: str) -> pl.Expr:
    import polars as pl

    return pl.col("contract") == contract


def _newest_scan(
    state: State, store: Store, contract: str, until: datetime | None
) -> tuple[Mapping[str, Any], pl.DataFrame, Store] | None:
    """The newest scan that looked at a contract, and the quotes that the store kept of it."""
    with state.read() as ledger:
        runs = ledger.runs()
    for run in runs:
        moment = datetime.fromisoformat(run["as_of"])
        if until is not None and moment > until:
            continue
        session = store.calendar.session_of(moment)
        for source in store.snapshots.sources():
            chain = store.snapshots.newest(source, session, None, moment)
            if not chain.is_empty() and not chain.filter(_is(contract)).is_empty():
                return run, chain, store
    return None


def _about(frame: pl.DataFrame, row: Mapping[str, Any]) -> pl.DataFrame:
    """The rows of a scope that a contract is part of."""
    import polars as pl

    if "contract" in frame.columns:
        return frame.filter(pl.col("contract") == row["contract"])
    same = [name for name in ("underlying", "root", "expiry", "strike", "right") if name in frame.columns]
    if "first_strike" in frame.columns:
        frame = frame.filter(pl.lit(row["strike"]).is_between(pl.col("first_strike"), pl.col("last_strike")))
        same = [name for name in same if name != "strike"]
    return frame.filter(pl.all_horizontal(pl.lit(True), *(pl.col(name) == pl.lit(row[name]) for name in same)))


def _outcome(
    rule: Rule, row: Mapping[str, Any], traced: Sequence[Traced], ledger: Ledger, run: Mapping[str, Any]
) -> tuple[Outcome, str, str | None]:
    """How it came out, why, and the alert that names the contract."""
    seen = [item for item in ledger.alerts() if item.last_seen == datetime.fromisoformat(run["as_of"])]
    alert = _telling(seen, rule.id, row["contract"])
    if alert is not None and alert.rule_id == rule.id:
        return Outcome.told, f"alert {alert.alert_id}", alert.alert_id
    identities = {item.identity.replace(" ", "|") for item in traced}
    for item in ledger.held_back(run["id"]):
        if item["rule_id"] == rule.id and item["identity"].replace(" ", "|") in identities:
            beside = "" if alert is None else f"; alert {alert.alert_id} ({alert.rule_id}) names the contract"
            return Outcome.held_back, f"{item['reason']}{beside}", None if alert is None else alert.alert_id
    told = None if alert is None else alert.alert_id
    if not traced:
        return Outcome.quiet, f"no {rule.scope} holds it", told
    nearest = traced[0]
    failing = next((part.text for part in nearest.checked if part.verdict is False), None)
    if nearest.verdict is None:
        unknown = [part for part in nearest.checked if part.verdict is None]
        missing = sorted({name for part in unknown for name, value in part.values.items() if value is None})
        return Outcome.not_judged, f"missing: {', '.join(missing)}" if missing else f"too early: {failing}", told
    return Outcome.quiet, f"does not hold: {failing}" if failing else "no condition tells it apart any more", told


def _telling(alerts: Sequence[Alert], rule_id: str, contract: str) -> Alert | None:
    """The alert of the scan that names a contract, one of the rule itself before others."""
    from scanner.alerts.model import Status

    naming = [
        alert for alert in alerts if alert.status is not Status.closed and contract in (alert.contract, *alert.drivers)
    ]
    return next((alert for alert in naming if alert.rule_id == rule_id), naming[0] if naming else None)
