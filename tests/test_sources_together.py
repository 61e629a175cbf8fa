"""Chains of many names that are read together are row for row those that are read one by one, and nothing is missed."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from standard import calendar, open_store, read_recorded

from scanner.market.chain import SORT_KEY
from scanner.sources.files import FilesSource
from scanner.sources.formats.base import RecordedChain
from scanner.store.importing import ImportReport, chains_in, import_chains

SESSION = date(2026, 8, 5)
MOMENT = datetime(2026, 8, 5, 18, 30, tzinfo=UTC)
# What a file of several names may have that makes building its chain no matter of course: a column, and a value in it.
ODDITIES = (
    ("bid", 1e5), ("bid", -1.0), ("bid", float("nan")), ("ask", 0.0), ("last", 0.0), ("last", 9e5), ("strike", 100.0),
    ("strike", 101.0004), ("strike", None), ("right", "P"), ("right", "?"), ("spot", 0.0), ("spot", 900.0),
    ("spot", None), ("expiry", date(2026, 8, 4)), ("expiry", date(2026, 8, 3)), ("expiry", date(2049, 8, 3)),
    ("expiry", None), ("volume", None), ("volume", -3), ("open_interest", None), ("iv", 60.0), ("iv", 4.0),
    ("iv", None), ("iv", 0.0), ("delta", 7.0), ("oi_asof", date(2026, 8, 3)), ("oi_asof", date(2024, 8, 3)),
    ("oi_asof", None), ("underlying", "brk-b"), ("underlying", "SPX"), ("underlying", "A=1"), ("underlying", None),
    ("quote_time", MOMENT - timedelta(hours=1)), ("quote_time", datetime(2026, 8, 5, 20, 40, tzinfo=UTC)),
    ("quote_time", datetime(2027, 8, 5, 20, 40, tzinfo=UTC)), ("quote_time", None), ("session_date", date(2026, 8, 4)),
    ("session_date", date(2026, 8, 2)), ("session_date", date(2036, 8, 2)), ("session_date", None),
    ("last_trade_time", MOMENT - timedelta(hours=2)), ("last_trade_time", MOMENT + timedelta(days=2)),
    ("multiplier", 10), ("multiplier", 0), ("root", "ABC1"), ("root", "much too long"),
)  # fmt: skip
WAYS = ("one row", "one name", "half of a name", "every row")


def table(names: list[str], seed: int) -> pl.DataFrame:
    """Two expiries of eight strikes of each name, as a file has them, in any order."""
    draw = random.Random(seed)
    rows = [
        {
            "session_date": SESSION,
            "quote_time": MOMENT,
            "underlying": name,
            "expiry": expiry,
            "strike": 92.5 + 2.5 * number,
            "right": right,
            "bid": round(draw.uniform(0.0, 5.0), 2),
            "ask": round(draw.uniform(5.0, 9.0), 2),
            "last": round(draw.uniform(0.0, 9.0), 2),
            "volume": draw.randrange(500),
            "open_interest": draw.randrange(900),
            "spot": 100.0,
            "iv": draw.uniform(0.1, 3.2),
            "delta": draw.uniform(-1, 1),
            **dict.fromkeys(("oi_asof", "multiplier", "last_trade_time", "root")),
        }
        for name in names
        for expiry in (date(2026, 8, 7), date(2026, 9, 18))
        for number in range(8)
        for right in "CP"
    ]
    draw.shuffle(rows)
    schema = {"oi_asof": pl.Date, "multiplier": pl.Int64, "root": pl.String}
    times = {name: pl.Datetime("us", "UTC") for name in ("quote_time", "last_trade_time")}
    return pl.DataFrame(rows, schema_overrides=schema | times)


def damaged(rows: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Some oddities in it: in one row, in a name, in half of one, or everywhere; columns left out; rows twice."""
    draw = random.Random(seed)
    for column, value in draw.sample(ODDITIES, draw.randrange(4)):
        way, name = draw.choice(WAYS), draw.choice(rows["underlying"].unique(maintain_order=True).to_list())
        mine = pl.col("underlying") == name if name is not None else pl.col("underlying").is_null()
        where = {
            "one row": pl.int_range(pl.len()) == draw.randrange(rows.height),
            "one name": mine,
            "half of a name": mine & (pl.int_range(pl.len()) % 2 == 0),
            "every row": pl.lit(value=True),
        }[way]
        dtype = rows.schema[column]
        rows = rows.with_columns(pl.when(where).then(pl.lit(value, dtype)).otherwise(column).alias(column))
    optional = ["bid_size", "spot", "iv", "delta", "oi_asof", "multiplier", "last_trade_time", "root", "last"]
    rows = rows.drop(name for name in draw.sample(optional, draw.randrange(5)) if name in rows.columns)
    if draw.random() < 0.2:
        rows = pl.concat([rows, rows.sample(3, seed=seed)])
    if draw.random() < 0.2:
        again = rows.sample(2, seed=seed).with_columns(volume=pl.lit(7, pl.Int64))
        rows = pl.concat([rows, again])
    return rows


def by_name(recorded: list[RecordedChain]) -> dict[tuple[object, ...], list[pl.DataFrame]]:
    """The chains of each name, session and moment, out of frames of one or many names."""
    found: dict[tuple[object, ...], list[pl.DataFrame]] = {}
    for one in recorded:
        if one.chain is not None:
            assert one.chain["contract"].is_unique().all()
            assert one.chain.equals(one.chain.sort(SORT_KEY, maintain_order=True))
            for key, part in one.chain.partition_by(
                "underlying", "session_date", "quote_time", as_dict=True, maintain_order=True
            ).items():
                found.setdefault(key, []).append(part)
    return found


def told(recorded: list[RecordedChain]) -> Counter[str]:
    """Every reason why something was refused, with the number of rows."""
    return sum((Counter({refusal.reason: refusal.rows}) for one in recorded for refusal in one.refusals), Counter())


@pytest.mark.parametrize("seed", range(60))
def test_chains_read_together_are_those_read_one_by_one_and_as_much_is_reported(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "market.parquet"
    damaged(table(["ABC", "XYZ", "KLM", "SPY"], seed), seed).write_parquet(path)
    clock = datetime(2026, 8, 6, 12, tzinfo=UTC)
    alone, together = (list(read_recorded(path, now=clock, together=way)) for way in (False, True))
    one_by_one, at_once = by_name(alone), by_name(together)
    assert at_once.keys() == one_by_one.keys()
    for key, chains in one_by_one.items():
        assert len(at_once[key]) == len(chains)
        assert all(any(here.equals(there) for here in at_once[key]) for there in chains)
    assert told(together) == told(alone)


def test_a_market_without_oddities_comes_as_one_frame_and_as_one_answer(tmp_path: Path) -> None:
    path = tmp_path / "market.parquet"
    table(["ABC", "XYZ", "KLM"], 1).write_parquet(path)
    (recorded,) = read_recorded(path, together=True)
    assert recorded.chain is not None
    assert recorded.chain["underlying"].unique().sort().to_list() == ["ABC", "KLM", "XYZ"]
    (fetched,) = FilesSource(path, calendar).chains([], MOMENT)
    assert fetched.chain is not None
    assert fetched.chain.equals(recorded.chain)


def test_of_names_read_together_those_asked_for_are_given_and_the_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "market.parquet"
    table(["ABC", "XYZ", "KLM"], 1).write_parquet(path)
    answers = list(FilesSource(path, calendar).chains(["XYZ", "NONE", "abc"], MOMENT))
    given = [answer.chain["underlying"].unique().sort().to_list() for answer in answers if answer.chain is not None]
    assert given == [["ABC", "XYZ"]]
    assert [answer.symbol for answer in answers if answer.error is not None] == ["NONE"]


def test_a_later_chain_of_one_name_takes_the_place_of_the_one_read_with_the_others(tmp_path: Path) -> None:
    rows = table(["ABC", "XYZ", "KLM"], 1)
    rows.write_parquet(tmp_path / "a.parquet")
    later = rows.filter(pl.col("underlying") == "ABC").with_columns(
        quote_time=pl.lit(MOMENT + timedelta(minutes=30)).cast(pl.Datetime("us", "UTC"))
    )
    later.write_parquet(tmp_path / "b.parquet")
    answers = list(FilesSource(tmp_path, calendar).chains([], MOMENT + timedelta(hours=1)))
    moments = {
        name: quoted
        for answer in answers
        if answer.chain is not None
        for name, quoted in answer.chain.select("underlying", "quote_time").unique().iter_rows()
    }
    assert moments == {"ABC": MOMENT + timedelta(minutes=30), "XYZ": MOMENT, "KLM": MOMENT}


def test_an_import_counts_the_chains_that_came_together(tmp_path: Path) -> None:
    path = tmp_path / "market.parquet"
    table(["ABC", "XYZ", "KLM"], 1).with_columns(odd=pl.lit(1)).write_parquet(path)
    store, seen = open_store(tmp_path / "store"), list[int]()
    report, again = ImportReport(), ImportReport()
    import_chains(store, read_recorded(path, together=True), report, lambda item: seen.append(chains_in(item.chain)))
    assert (report.stored, report.known, report.rows, seen) == (3, 0, 96, [3])
    assert report.notes["unknown columns ignored: odd"] == 3
    assert len(list(store.snapshots.files())) == 1
    import_chains(store, read_recorded(path, together=True), again)
    assert (again.stored, again.known, again.rows) == (0, 3, 0)


def test_of_names_that_come_together_those_stored_already_are_passed_over(tmp_path: Path) -> None:
    rows = table(["ABC", "XYZ", "KLM"], 1)
    for name, part in (("a", rows.filter(pl.col("underlying") == "XYZ")), ("b", rows)):
        part.write_parquet(tmp_path / f"{name}.parquet")
    store, report = open_store(tmp_path / "store"), ImportReport()
    import_chains(store, read_recorded(tmp_path / "a.parquet", together=True), report)
    import_chains(store, read_recorded(tmp_path / "b.parquet", together=True), report)
    assert (report.stored, report.known, report.rows) == (3, 1, 96)
    newest = store.snapshots.newest("canonical", SESSION)
    assert newest["underlying"].unique().sort().to_list() == ["ABC", "KLM", "XYZ"]
    assert newest.height == 96
