"""Small chains built in code, for tests that vary one thing at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from standard import calendar, conform

from scanner.market import chain
from scanner.metrics import summary
from scanner.quality.gate import VERDICTS


@dataclass(frozen=True)
class Recorded:
    """A chain as an import meets it, out of no file."""

    chain: pl.DataFrame | None
    path: Path = Path("built")
    refusals: tuple[object, ...] = ()
    notes: tuple[str, ...] = ()


STRIKES = (90.0, 95.0, 100.0, 105.0, 110.0)


def built_chain(
    session: date,
    *,
    underlying: str = "ABC",
    root: str | None = None,
    source: str = "test",
    expiries: Sequence[date] | None = None,
    strikes: Sequence[float] = STRIKES,
    volume: Any = None,
    open_interest: Any = None,
    quote_time: datetime | None = None,
    traded_on: date | None = None,
    spot: float | None = 100.0,
    columns: Mapping[str, Any] | None = None,
) -> pl.DataFrame:
    """One chain of a session: two expiries, five strikes and both rights unless told otherwise (20 contracts).

    ``volume`` and ``open_interest`` are one number, a sequence in the chain's order, or None for a varied default that
    depends on the session; ``traded_on`` is the day of the last trades, the session itself unless told otherwise.
    """
    expiries = expiries or (date(2026, 9, 18), date(2026, 12, 18))
    closed = datetime(session.year, session.month, session.day, 20, tzinfo=UTC)
    if calendar.is_session(session):
        closed = calendar.session_close(session)
    rows = [(expiry, strike, right) for expiry in expiries for strike in strikes for right in ("C", "P")]
    count = len(rows)
    day = session.toordinal()
    mids = [max(100.0 - strike if right == "C" else strike - 100.0, 0.0) + 2.0 for _, strike, right in rows]
    traded = traded_on or session
    frame = pl.DataFrame(
        {
            "expiry": [row[0] for row in rows],
            "strike": [row[1] for row in rows],
            "right": [row[2] for row in rows],
            "volume": _spread(volume, count, lambda i: (7 * i + 3 * day) % 40 + 1),
            "open_interest": _spread(open_interest, count, lambda i: 500 + 10 * i + (5 * i + day) % 9),
            "bid": [mid - 0.05 for mid in mids],
            "ask": [mid + 0.05 for mid in mids],
            "last": mids,
        }
    ).with_columns(
        source=pl.lit(source),
        simulated=pl.lit(value=False),
        session_date=pl.lit(session),
        quote_time=pl.lit(quote_time or closed).cast(chain.INSTANT),
        underlying=pl.lit(underlying),
        root=pl.lit(root or underlying),
        spot=pl.lit(spot, dtype=pl.Float64),
        last_trade_time=pl.lit(sessions_noon(traded)).cast(chain.INSTANT),
        oi_asof=pl.lit(calendar.previous_session(session)),
    )
    return conform(frame.with_columns(**{name: _column(name, value) for name, value in (columns or {}).items()}))


def unpriced_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """What is kept of a chain's contracts where nothing is known but volume, open interest and mid."""
    return summary.of_session(summary.unpriced(frame), pl.DataFrame(schema=VERDICTS), calendar).contracts


def sessions_noon(day: date) -> datetime:
    """Midday in New York in summer, UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=16)


def _column(name: str, value: Any) -> Any:
    if isinstance(value, pl.Expr):
        return value
    dtype = chain.SCHEMA[name]
    return pl.Series(name, value, dtype=dtype) if isinstance(value, (list, tuple)) else pl.lit(value, dtype=dtype)


def _spread(value: Any, count: int, default: Any) -> list[int | None]:
    if value is None:
        return [default(i) for i in range(count)]
    return list(value) if isinstance(value, (list, tuple)) else [value] * count
