"""What became of what was flagged, session by session, and what became of contracts that were like it.

Of the open interest that a flagged session opened, so much is still there at a later close: *held* from 90 % on,
*trimmed* from 25 %, *gone* below, *expired* from the expiry on, *not told* where open interest is not known. Prices are
those one could have had: bought at the ask of the flagged close, sold at the bid of the later one, a fee of 65 cents a
contract each way; where there are no quotes, last to last and no fee, and that is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanner.alerts.closes import Closes
from scanner.alerts.flagged import Flagged
from scanner.alerts.outcome import FEE_A_SHARE, HORIZONS, OPENED_SHARE, Followed, Outcome, state_of

MATCHED = 3


def followed(flagged: Sequence[Flagged], closes: Closes) -> list[Followed]:
    """The contracts of one alert at every close from the first flagged session on that anything is known of."""
    first = min(item.session_date for item in flagged)
    contracts = {item.contract: item.expiry for item in flagged}
    found = []
    for contract, expiry in contracts.items():
        row = closes.row_of.get(contract)
        if row is None:
            continue
        for column, day in enumerate(closes.sessions):
            if day < first or (expiry is not None and day > expiry):
                continue
            matrices = (closes.bid, closes.ask, closes.last, closes.iv)
            figures = [_known(matrix[row, column]) for matrix in matrices]
            opened = _known(closes.open_interest[row, column])
            if opened is None and all(figure is None for figure in figures):
                continue
            lots = None if opened is None else round(opened)
            bid, ask, last, iv = figures
            spot = _known(closes.spot[column])
            found.append(Followed(flagged[0].alert_id, contract, day, lots, bid, ask, last, iv, spot))
    return found


def outcomes(flagged: Sequence[Flagged], closes: Closes) -> list[Outcome]:
    """What became of one alert's flagged session after 1, 3 and 5 sessions, as far as those have been.

    ``flagged`` are the contracts of one alert and session.
    """
    session = flagged[0].session_date
    column = closes.column_of.get(session)
    if column is None:
        return []
    rows = closes.rows([item.contract for item in flagged])
    if not len(rows):
        return []
    before = np.array([_number(item.open_interest) for item in flagged if item.contract in closes.row_of])
    volume = np.array([_number(item.volume) for item in flagged if item.contract in closes.row_of])
    like = _matched(rows, volume, column, closes)
    return [
        Outcome(
            flagged[0].alert_id,
            session,
            horizon,
            _figures(rows, before, volume, column, horizon, closes),
            tuple(
                _figures(
                    np.array([row]), closes.open_interest[[row], column - 1], closes.volume[[row], column], column,
                    horizon, closes,
                )
                for row in like
            ),
        )
        for horizon in HORIZONS
        if column + horizon < len(closes.sessions)
    ]  # fmt: skip


def _figures(
    rows: NDArray[np.int64],
    before: NDArray[np.float64],
    volume: NDArray[np.float64],
    column: int,
    horizon: int,
    closes: Closes,
) -> dict[str, Any]:
    """What became of some contracts taken together; prices are those of the one that traded most."""
    later = column + horizon
    after, now = closes.open_interest[rows, column], closes.open_interest[rows, later]
    known = np.isfinite(before) & np.isfinite(after) & np.isfinite(volume)
    opened = float((after - before)[known].sum()) if known.any() else None
    traded = float(volume[known].sum()) if known.any() else None
    confirmed = None if opened is None or not traded else opened >= OPENED_SHARE * traded
    main = int(np.nanargmax(np.nan_to_num(volume, nan=-1.0)))
    expired = closes.expiry[int(rows[main])] <= closes.sessions[later]
    share = None
    still = known & np.isfinite(now)
    if opened is not None and opened > 0 and (still == known).all():
        share = float((now - before)[still].sum()) / opened
    way = 1.0 if closes.right[int(rows[main])] == "C" else -1.0
    move, basis = _move(int(rows[main]), column, later, closes)
    spot = closes.spot[later] / closes.spot[column] - 1.0
    return {
        "opened": opened,
        "volume": traded,
        "confirmed": confirmed,
        "share": share,
        "state": state_of(share, expired),
        "stock": _known(way * spot),
        "contract": move,
        "basis": basis,
    }


def _move(row: int, column: int, later: int, closes: Closes) -> tuple[float | None, str]:
    """The move of a contract: bought at the ask, sold at the bid, fees paid; last to last where nobody quoted."""
    ask, bid = closes.ask[row, column], closes.bid[row, later]
    if np.isfinite(closes.ask[row]).any():
        paid = ask + FEE_A_SHARE
        return _known((bid - FEE_A_SHARE) / paid - 1.0 if ask > 0 else np.nan), "quotes"
    bought, sold = closes.last[row, column], closes.last[row, later]
    return _known(sold / bought - 1.0 if bought > 0 else np.nan), "last"


def _matched(rows: NDArray[np.int64], volume: NDArray[np.float64], column: int, closes: Closes) -> list[int]:
    """The contracts most like the one that was flagged most: same session, name and right; days, |delta|, volume."""
    if column == 0:
        return []
    main = int(rows[int(np.nanargmax(np.nan_to_num(volume, nan=-1.0)))])
    session = closes.sessions[column]
    days = np.array([(expiry - session).days for expiry in closes.expiry], dtype=np.float64)
    alike = np.array([right == closes.right[main] for right in closes.right])
    traded = closes.volume[:, column]
    known = np.isfinite(closes.open_interest[:, column - 1]) & np.isfinite(traded) & (np.nan_to_num(traded) > 0)
    allowed = alike & known & (days > 0)
    allowed[rows] = False
    pool = np.flatnonzero(allowed)
    if len(pool) < MATCHED:
        return []
    delta = np.nan_to_num(np.abs(closes.delta[:, column]), nan=0.5)
    features = np.column_stack([np.log1p(np.nan_to_num(traded)), np.log1p(np.maximum(days, 0)), 4.0 * delta])
    distance = ((features[pool] - features[main]) ** 2).sum(axis=1)
    return [int(row) for row in pool[np.argsort(distance, kind="stable")[:MATCHED]]]


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _number(value: int | None) -> float:
    return float("nan") if value is None else float(value)
