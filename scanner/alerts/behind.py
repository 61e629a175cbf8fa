"""Which contracts of a scan each alert rests on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import polars as pl

from scanner.alerts.episodes import Event
from scanner.alerts.flagged import Flagged
from scanner.alerts.model import Alert, ScanMeta, Status
from scanner.kernels.columns import among

_NEEDED = ("contract", "underlying", "expiry", "strike", "right", "volume", "open_interest", "oi_asof")


def contracts_of(names: Iterable[str | None], contracts: pl.DataFrame | None) -> pl.DataFrame | None:
    """What :func:`flagged_contracts` reads of a scan's contracts for alerts on some names; on the market, of all."""
    if contracts is None:
        return None
    wanted, rows = set(names), contracts.select(_NEEDED)
    if None in wanted:
        return rows
    return rows.filter(among(rows["underlying"], pl.Series(list(wanted), dtype=pl.String)))


def flagged_contracts(events: Iterable[Event], contracts: pl.DataFrame | None, scan: ScanMeta) -> Iterator[Flagged]:
    """The contracts that each alert of a scan rests on.

    Of a contract itself; of a strike both rights; of a ladder its strikes; of wider scopes the drivers. ``contracts``
    is the contract frame of the scan (contract, root, expiry, strike, right, volume, open_interest, oi_asof).
    """
    if contracts is None:
        return
    alerts = [event.alert for event in events if event.alert.status is not Status.closed]
    rows = contracts_of((alert.underlying for alert in alerts), contracts)
    assert rows is not None
    # One question for all alerts: a scan may have hundreds.
    asked = rows.select(_behind(alert).fill_null(value=False).alias(str(n)) for n, alert in enumerate(alerts))
    found = [(alert, np.flatnonzero(flags.to_numpy())) for alert, flags in zip(alerts, asked, strict=True)]
    told = rows[np.concatenate([places for _, places in found])].iter_rows(named=True) if found else iter(())
    for alert, places in found:
        for row in islice(told, len(places)):
            yield Flagged(
                alert_id=alert.alert_id,
                session_date=scan.session_date,
                contract=row["contract"],
                rule_id=alert.rule_id,
                underlying=row["underlying"],
                simulated=alert.simulated,
                expiry=row["expiry"],
                flagged_at=scan.as_of,
                volume=row["volume"],
                open_interest=row["open_interest"],
                oi_asof=row["oi_asof"],
            )


def _behind(alert: Alert) -> pl.Expr:
    if alert.contract is not None:
        return pl.col("contract") == alert.contract
    if alert.scope in ("strike", "ladder"):
        of_expiry = (pl.col("underlying") == alert.underlying) & (pl.col("expiry") == alert.expiry)
        first, last = (alert.evidence.get(name, alert.strike) for name in ("first_strike", "last_strike"))
        between = of_expiry & pl.col("strike").is_between(first, last)
        return between if alert.right is None else between & (pl.col("right").cast(pl.String) == alert.right)
    return pl.col("contract").is_in(list(alert.drivers))
