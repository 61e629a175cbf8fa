"""Every file of the recorded chains can be read, and what is in it comes out unchanged.

The expected figures are taken from the raw files with the standard library's own readers.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import json
from collections import Counter
from datetime import UTC, date, datetime, time
from pathlib import Path

import polars as pl
import pyarrow.parquet
import pytest
from standard import calendar, read_recorded

from scanner.market import chain
from scanner.market.calendar import NEW_YORK, new_york_date
from scanner.sources.formats.base import RecordedChain

pytestmark = pytest.mark.realdata

Sums = dict[str, tuple[int, int, int]]


def taken(path: Path) -> list[pl.DataFrame]:
    """The chains of a path out of which everything was taken."""
    recorded = list(read_recorded(path))
    assert [str(refusal) for one in recorded for refusal in one.refusals] == []
    frames = [one.chain for one in recorded if one.chain is not None]
    assert len(frames) == len(recorded)
    assert all(frame.schema == chain.SCHEMA for frame in frames)
    return frames


def sums(*frames: pl.DataFrame) -> Sums:
    """Contracts, volume and open interest by right."""
    whole = pl.concat(frames)
    counted = whole.group_by("right").agg(pl.len(), pl.col("volume", "open_interest").sum())
    return {right: (count, volume, interest) for right, count, volume, interest in counted.iter_rows()}


def raw_lines(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def raw_sums(lines: list[dict[str, str]], right: str, volume: str, interest: str) -> Sums:
    counts: Counter[str] = Counter()
    volumes: Counter[str] = Counter()
    interests: Counter[str] = Counter()
    for line in lines:
        side = line[right][0].upper()
        counts[side] += 1
        volumes[side] += int(float(line[volume] or 0))
        interests[side] += int(float(line[interest] or 0))
    return {side: (counts[side], volumes[side], interests[side]) for side in counts}


@pytest.mark.parametrize(
    ("name", "contracts"), [("delayed_quotes_options_AAPL.json.gz", 3576), ("options_clx.json.gz", 306)]
)
def test_cboe_json_keeps_every_contract_and_the_raw_sums(real_data: Path, name: str, contracts: int) -> None:
    path = real_data / "cboe-json" / name
    options = json.loads(gzip.decompress(path.read_bytes()))["data"]["options"]
    raw = raw_sums(
        [
            {"right": option["option"][-9], **{k: str(option[k]) for k in ("volume", "open_interest")}}
            for option in options
        ],
        "right",
        "volume",
        "open_interest",
    )
    (frame,) = taken(path)
    assert frame.height == contracts
    assert sums(frame) == raw
    assert frame["contract"].n_unique() == contracts
    assert frame["session_date"].unique().to_list() == [date(2026, 7, 24)]
    assert frame["quote_time"].unique().to_list() == [datetime(2026, 7, 24, 20, 0, tzinfo=UTC)]


def test_the_aapl_spot_is_the_close_that_parity_implies(real_data: Path) -> None:
    (frame,) = taken(real_data / "cboe-json" / "delayed_quotes_options_AAPL.json.gz")
    mid = (pl.col("bid") + pl.col("ask")) / 2
    near = frame.filter(pl.col("expiry") == date(2026, 7, 27), pl.col("strike").is_between(327, 340))
    both = near.with_columns(mid=mid).pivot("right", index="strike", values="mid")
    implied = both.select((pl.col("C") - pl.col("P") + pl.col("strike")).median()).item()
    assert frame["spot"][0] == pytest.approx(implied, abs=0.1)


@pytest.mark.parametrize("folder", ["cboe-chain-daily/MOD", "cboe-chain-daily/SPXC", "cboe-chain-daily/SPY"])
def test_flattened_daily_chains_keep_label_rows_and_raw_sums(real_data: Path, folder: str) -> None:
    paths = sorted((real_data / folder).glob("*.csv.gz"))
    assert len(paths) >= 7
    for path in paths:
        (frame,) = taken(path)
        assert sums(frame) == raw_sums(raw_lines(path), "right", "volume", "open_interest"), path
        assert frame["session_date"].unique().to_list() == [date.fromisoformat(path.name[:10])]
        assert frame["spot"].null_count() == 0
        newest = frame["last_trade_time"].max()
        assert isinstance(newest, datetime)
        assert frame["quote_time"][0] >= newest


def test_flattened_pulls_keep_rows_and_raw_sums_and_come_in_order(real_data: Path) -> None:
    paths = sorted((real_data / "cboe-chain-intraday" / "BMNR").glob("*.csv.gz"))
    moments = []
    for path in paths:
        (frame,) = taken(path)
        assert sums(frame) == raw_sums(raw_lines(path), "type", "volume", "open_interest"), path
        moments.append((frame["session_date"][0], frame["quote_time"][0]))
        assert abs((frame["quote_time"][0] - frame["last_trade_time"].max()).total_seconds()) < 600
    assert len(moments) == 61
    assert moments == sorted(moments)


def test_pulls_of_one_session_have_growing_volume(real_data: Path) -> None:
    frames = taken(real_data / "cboe-chain-intraday" / "BMNR")
    volumes = [frame["volume"].sum() for frame in frames if frame["session_date"][0] == date(2026, 8, 19)]
    assert len(volumes) == 8
    assert volumes == sorted(volumes)


def test_before_the_open_cboe_already_has_the_open_interest_of_the_session_whose_volume_it_still_shows(
    real_data: Path,
) -> None:
    """The evidence for leaving ``oi_asof`` open between 06:00 and 10:30, where others saw it change later."""
    evidence = []
    for ticker in ("MOD", "SPXC"):
        frames = taken(real_data / "cboe-chain-daily" / ticker)
        for before, after in itertools.pairwise(frames):
            made = after["quote_time"][0].astimezone(NEW_YORK)
            follows = calendar.previous_session(made.date()) == new_york_date(before["quote_time"][0])
            if not follows or not time(6, 30) < made.time() < time(9, 0):
                continue
            both = before.join(after, on="contract", suffix="_after")
            change = (pl.col("open_interest_after") - pl.col("open_interest")).abs()
            changed = both.filter(change > 0)
            fits = changed.filter(change <= pl.col("volume_after"))
            evidence.append((changed.height, fits.height))
            assert after["oi_asof"].null_count() == after.height
    assert len(evidence) == 15
    assert sum(fit for _, fit in evidence) > 0.95 * sum(changed for changed, _ in evidence)


@pytest.mark.parametrize(("ticker", "rows", "labels"), [("AAPL", 232714, 65), ("TSLA", 222986, 38), ("MU", 466146, 38)])
def test_canonical_parquet_keeps_every_row_of_every_label(real_data: Path, ticker: str, rows: int, labels: int) -> None:
    path = real_data / "eod-volume-oi" / f"{ticker}.parquet"
    table = pyarrow.parquet.read_table(path, columns=["session_date", "volume", "open_interest"])
    raw = table.group_by("session_date").aggregate([("volume", "sum"), ("open_interest", "sum")]).to_pylist()
    expected = {line["session_date"]: (line["volume_sum"], line["open_interest_sum"]) for line in raw}
    frames = taken(path)
    assert (len(frames), sum(frame.height for frame in frames)) == (labels, rows)
    read = {frame["session_date"][0]: (frame["volume"].sum(), frame["open_interest"].sum()) for frame in frames}
    assert read == expected
    assert {frame["underlying"][0] for frame in frames} == {ticker}


@pytest.mark.parametrize("ticker", ["AAPL", "JPM", "TSM"])
def test_yahoo_daily_chains_count_only_the_newest_days_volume(real_data: Path, ticker: str) -> None:
    for path in sorted((real_data / "yahoo-chain-daily" / ticker).glob("*.csv.gz")):
        lines = raw_lines(path)
        newest = max(line["lastTradeDateEDT"][:10] for line in lines)
        for line in lines:
            line["volume"] = line["volume"] if line["lastTradeDateEDT"][:10] == newest else "0"
        (frame,) = taken(path)
        assert sums(frame) == raw_sums(lines, "type", "volume", "openInterest"), path
        assert frame["session_date"].unique().to_list() == [date.fromisoformat(path.name[:10])]


def test_yahoo_pulls_hold_four_tickers_each(real_data: Path) -> None:
    for path in sorted((real_data / "yahoo-chain-5min").glob("*.csv.gz")):
        frames = taken(path)
        assert sorted(frame["underlying"][0] for frame in frames) == ["NVDA", "QQQ", "SPY", "TSLA"]
        assert sums(*frames) == raw_sums(raw_lines(path), "type", "volume", "openInterest"), path


def test_yahoo_etf_runs_show_by_their_moment_that_they_were_late(real_data: Path) -> None:
    for path in sorted((real_data / "yahoo-etf-daily").glob("*/*.csv.gz")):
        (recorded,) = read_recorded(path)
        frame = recorded.chain
        assert frame is not None
        # A run in the middle of the next day holds that day's volumes, and none of the session it is labelled with.
        of_the_next_day = ["reset for the next" in str(refusal) for refusal in recorded.refusals]
        assert all(of_the_next_day)
        assert (frame["volume"].null_count() == frame.height) == bool(of_the_next_day)
        assert frame.height == len(raw_lines(path))
        assert frame["session_date"][0] == date.fromisoformat(path.parent.name)
        assert frame["quote_time"][0].date() > frame["session_date"][0]


@pytest.mark.parametrize("ticker", ["GME", "HOOD", "LUNR"])
def test_schwab_chains_keep_every_contract_and_the_raw_sums(real_data: Path, ticker: str) -> None:
    path = real_data / "schwab-json" / f"{ticker}_options_data.json.gz"
    document = json.loads(gzip.decompress(path.read_bytes()))
    raw, percent = {}, 0.0
    for right, side in (("C", "callExpDateMap"), ("P", "putExpDateMap")):
        entries = [e for strikes in document[side].values() for listed in strikes.values() for e in listed]
        raw[right] = (len(entries), sum(e["totalVolume"] for e in entries), sum(e["openInterest"] for e in entries))
        percent += sum(entry["volatility"] for entry in entries if entry["volatility"] > 0)
    (frame,) = taken(path)
    assert sums(frame) == raw
    assert frame.height == document["numberOfContracts"]
    assert frame["quote_time"][0] == datetime(2025, 4, 10, 20, 0, tzinfo=UTC)
    assert frame["vendor_iv"].sum() == pytest.approx(percent / 100)


def test_quotedata_downloads_keep_both_rights_of_every_line(real_data: Path) -> None:
    for path in sorted((real_data / "cboe-quotedata").glob("*.csv.gz")):
        with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
            lines = list(csv.reader(stream))[4:]
        raw = {
            "C": (len(lines), sum(int(line[6]) for line in lines), sum(int(line[10]) for line in lines)),
            "P": (len(lines), sum(int(line[17]) for line in lines), sum(int(line[21]) for line in lines)),
        }
        (frame,) = taken(path)
        assert sums(frame) == raw, path
        assert frame["underlying"][0] == path.name.split("_")[0].upper()


def test_ivolatility_samples_keep_every_row(real_data: Path) -> None:
    for name, underlyings in (("aapl", ["AAPL", "SPY"]), ("spx", ["SPX"])):
        path = real_data / "ivolatility" / f"{name}_sample_ivolatility.csv.gz"
        frames = taken(path)
        assert sums(*frames) == raw_sums(raw_lines(path), "call/put", "volume", "open_interest")
        assert sorted({frame["underlying"][0] for frame in frames}) == underlyings


def test_nothing_in_the_whole_folder_stops_the_reading(real_data: Path) -> None:
    recorded: list[RecordedChain] = list(read_recorded(real_data))
    refused = {one.path.relative_to(real_data).parts[0] for one in recorded if one.chain is None}
    read = {one.path.relative_to(real_data).parts[0] for one in recorded if one.chain is not None}
    assert read == {
        "cboe-json",
        "cboe-chain-daily",
        "cboe-chain-intraday",
        "eod-volume-oi",
        "yahoo-chain-daily",
        "yahoo-chain-5min",
        "yahoo-etf-daily",
        "schwab-json",
        "tradier",
        "cboe-quotedata",
        "ivolatility",
    }
    assert refused == {"cboe-json", "lean-goog-2015", "flow-alerts", "tape", "treasury"}
    assert all(one.refusals for one in recorded if one.chain is None)
