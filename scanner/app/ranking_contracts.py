"""A vendor's own ranking of contracts, beside what the store has of the same contracts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, cast

from scanner.app import clock, configuring, opening
from scanner.errors import SourceError, StoreError, UsageError

if TYPE_CHECKING:
    import polars as pl

    from scanner.app.configuring import Place
    from scanner.config import Settings
    from scanner.market.calendar import Calendar
    from scanner.outputs.ranks import Agreement, RankedContracts
    from scanner.sources.base import TellsRanks
    from scanner.store.store import Store

_USUAL = 50


def ranks(
    symbols: str | Sequence[str] = (),
    *,
    by: str = "oi-increase",
    session: str | date | None = None,
    indices: bool = False,
    limit: int | None = None,
    settings: Settings | Place | None = None,
    source: str | None = None,
    watchlist: str | None = None,
    store: Place | None = None,
) -> RankedContracts:
    """The contracts that a vendor ranks first ``by`` a figure of its own, in the newest session or in one named.

    Of all stocks and ETFs, or of all ``indices``, or of some names alone; at most ``limit`` (50). ``by`` is one of
    :class:`scanner.market.vendor_ranks.RankedBy`. Beside each contract stands what the store's chains say of its open
    interest at the same closes: nothing of the ranking is stored, and nothing judged by it. Raises UsageError for a
    session that is none or to come, for indices beside stocks, and for a source without ranks; SourceError where the
    source fails or has no such ranks.
    """
    from scanner.market.vendor_ranks import RankedBy
    from scanner.outputs.ranks import RankedContracts
    from scanner.sources.base import Gives
    from scanner.sources.live import is_index

    try:
        order = RankedBy(by)
    except ValueError:
        raise UsageError(f"--by {by}: there are {', '.join(RankedBy)}") from None
    configured = configuring.settings(settings, store=store, source=source)
    calendar, now = configured.exchange_calendar, clock.right_now()
    names = configuring.symbols_for(symbols, watchlist, configured) if symbols or watchlist else ()
    among = {is_index(name) for name in names} or {indices}
    if len(among) > 1 or (names and indices and among != {True}):
        raise UsageError("indices are ranked apart from stocks and ETFs; ask for them by themselves")
    of_indices = among.pop()
    day = (
        None
        if session is None
        else _session(configuring.day_for("--date", session), calendar.session_of(now), calendar)
    )
    opened = opening.source_that_gives(configured, Gives.ranks, "ranks")
    try:
        ranking = cast("TellsRanks", opened).ranks(order, names, day, limit or _USUAL, indices=of_indices)
    except SourceError as error:
        said, vendor = str(error), opened.vendor.name
        raise SourceError(said if said.startswith(vendor) else f"{vendor}: {said}", error.code) from error
    change = _change_told(ranking.rows)
    rows = ranking.rows.insert_column(ranking.rows.columns.index("oi_decrease") + 1, change)
    before = None if ranking.session is None else calendar.previous_session(ranking.session)
    own_source, own = _own(rows, ranking.session, configured)
    frame = rows.join(own, on="contract", how="left", maintain_order="left")
    return RankedContracts(ranking, frame, now, day, before, of_indices, own_source, _agreement(frame))


def _session(day: date, today: date, calendar: Calendar) -> date:
    """A day, where it is a session that there may be ranks of. Raises UsageError."""
    if day > today:
        raise UsageError(f"--date {day}: that session has not come yet; the newest is {today}")
    if not calendar.is_session(day):
        raise UsageError(
            f"--date {day}: no session of the exchange; the one before is {calendar.session_on_or_before(day)}"
        )
    return day


def _change_told(rows: pl.DataFrame) -> pl.Series:
    """The change of open interest that the vendor tells: up or down, and none where it tells that it is neither."""
    import polars as pl

    up, down = pl.col("oi_increase"), pl.col("oi_decrease")
    neither = (up == 0) & (down == 0)
    return rows.select(oi_change=pl.when(up > 0).then(up).when(down > 0).then(-down).when(neither).then(0)).to_series()


def _own(rows: pl.DataFrame, session: date | None, settings: Settings) -> tuple[str | None, pl.DataFrame]:
    """The store's open interest of ranked contracts, by the source that has the most of them; a row a contract."""
    import polars as pl

    contracts = rows.select("contract", "underlying")
    nothing = pl.lit(None, pl.Int64)
    columns = ("own_open_interest", "own_oi_change", "own_oi_change_before")

    def unknown(why: str) -> pl.DataFrame:
        return contracts.select("contract", **dict.fromkeys(columns, nothing), own_reason=pl.lit(why))

    if session is None:
        return None, unknown("the ranking does not say of which session it is")
    try:
        store = opening.open_store(settings, read_only=True)
    except StoreError as error:
        return None, unknown(str(error))
    names = contracts["underlying"].unique().to_list()
    found = {place: _of_source(store, place, names, session, contracts) for place in store.snapshots.sources()}
    known = {
        place: int(frame["own_oi_change"].count() + frame["own_oi_change_before"].count())
        for place, frame in found.items()
    }
    best = max(known, key=lambda place: known[place], default=None)
    if best is None or not known[best]:
        return None, unknown(f"the store has no open interest of these contracts at the closes around {session}")
    return best, found[best]


def _of_source(store: Store, source: str, names: list[str], session: date, contracts: pl.DataFrame) -> pl.DataFrame:
    """What chains of one source say of contracts at the close of a session and the two before, with why not."""
    import polars as pl

    calendar = store.calendar
    closes = [session, calendar.previous_session(session), calendar.previous_session(session, 2)]
    # The open interest of a close is published on the morning after.
    mornings = [calendar.next_session(session), *closes[:2]]
    wanted = ("contract", "oi_asof", "open_interest")
    chains = [store.snapshots.newest(source, morning, names) for morning in mornings]
    published = pl.concat([chain.filter(~pl.col("simulated")).select(wanted) for chain in chains]).drop_nulls()
    figures = contracts
    for place, close in enumerate(closes):
        of_close = published.filter(pl.col("oi_asof") == close).unique("contract", keep="first", maintain_order=True)
        figures = figures.join(
            of_close.select("contract", pl.col("open_interest").cast(pl.Int64).alias(f"_{place}")),
            on="contract",
            how="left",
            maintain_order="left",
        )
    told = (
        pl.when(pl.col("_0").is_null())
        .then(pl.lit(f"no stored chain tells it of the close of {closes[0]}"))
        .when(pl.col("_1").is_null())
        .then(pl.lit(f"no stored chain tells it of the close of {closes[1]}"))
    )
    return figures.select(
        "contract",
        own_open_interest="_0",
        own_oi_change=pl.col("_0") - pl.col("_1"),
        own_oi_change_before=pl.col("_1") - pl.col("_2"),
        own_reason=told,
    )


def _agreement(frame: pl.DataFrame) -> Agreement:
    import polars as pl

    from scanner.outputs.ranks import Agreement

    told = frame.filter(
        pl.col("oi_change").is_not_null()
        & (pl.col("own_oi_change").is_not_null() | pl.col("own_oi_change_before").is_not_null())
    )
    same, before = (int((told["oi_change"] == told[name]).sum()) for name in ("own_oi_change", "own_oi_change_before"))
    return Agreement(told.height, same, before)
