"""The simulated tape: it adds up to the simulated chain, looks like a tape, and knows the truth behind every print."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from scanner.errors import SourceError
from scanner.sources.simulated import SimulatedSource
from scanner.sources.simulation.market import Market
from scanner.sources.simulation.names import NAMES
from scanner.tape import prints
from scanner.tape.reading import read
from scanner.tape.side import cases

DAY = date(2025, 6, 13)
CLOSE, NOON = datetime(2025, 6, 13, 20, tzinfo=UTC), datetime(2025, 6, 13, 16, tzinfo=UTC)


def market(*names: str) -> Market:
    return Market([NAMES[name] for name in names], DAY, DAY, seed=1)


@pytest.fixture(scope="module")
def raw() -> pl.DataFrame:
    return market("GOOG", "KO", "BA").tape()


def lots(tape: pl.DataFrame) -> pl.DataFrame:
    kept = read(prints.conform(tape, source="simulated")).prints
    return kept.group_by(pl.col("contract").cast(pl.String)).agg(traded=pl.col("size").sum())


def beside(chain: pl.DataFrame, tape: pl.DataFrame) -> pl.DataFrame:
    return chain.select("contract", "volume").join(lots(tape), on="contract", how="full").fill_null(0)


def test_prints_add_up_to_the_volume_of_every_contract_at_the_close(raw):
    found = beside(market("GOOG", "KO", "BA").at(CLOSE), raw)
    assert found.filter(pl.col("volume") != pl.col("traded")).is_empty()
    assert found["volume"].sum() > 50_000


def test_within_the_session_the_tape_is_never_behind_the_chain(raw):
    found = beside(market("GOOG", "KO", "BA").at(NOON), raw.filter(pl.col("time") <= NOON))
    assert found.filter(pl.col("traded") < pl.col("volume")).is_empty()
    assert found["traded"].sum() < 1.25 * found["volume"].sum()


def test_a_name_has_the_same_tape_whoever_else_is_in_the_market(raw):
    alone = market("KO").tape()
    assert alone.equals(raw.filter(pl.col("underlying") == "KO"))


def test_nothing_of_it_is_taken_for_real(raw):
    assert raw["simulated"].all()
    assert prints.conform(raw, source="simulated").simulated


def test_it_obeys_the_contract_of_a_tape(raw):
    found = prints.conform(raw, source="simulated")
    assert found.problems == ()
    assert found.prints.schema == prints.SCHEMA
    assert (found.prints["quote_time"] < found.prints["time"]).all()


def test_sizes_are_those_of_real_tapes(raw):
    """Between 40 and 70 of 100 prints are of one lot, the median is 1 or 2, and the tail is long."""
    size = raw["size"]
    assert 0.4 <= (size == 1).mean() <= 0.7
    assert size.median() in (1, 2)
    assert size.quantile(0.99) > 25 * size.median()


def test_conditions_come_about_as_often_as_on_real_tapes(raw):
    share = dict(raw["condition"].value_counts(normalize=True).iter_rows())
    assert 0.4 < share["auto"] < 0.65
    assert 0.15 < share["slan"] < 0.3
    assert 0.1 < share["mlet"] + share["mlat"] < 0.35
    assert 0.005 < share["isoi"] < 0.08


def test_the_quote_rule_knows_the_customer_about_as_often_as_on_real_tapes(raw):
    """Without quoted sizes 60 to 66 of 100, with them 67 to 76, as published of two exchanges."""
    tape = prints.conform(raw, source="simulated").prints
    customer = raw.select("sequence", "customer")
    right = []
    nothing = pl.lit(None, pl.Int32)
    for columns in (tape.with_columns(bid_size=nothing, ask_size=nothing), tape):
        reading = read(prints.Tape(columns))
        told = reading.prints.filter(pl.col("buy_chance") != 0.5).join(customer, on="sequence")
        right.append(((told["buy_chance"] > 0.5) == (told["customer"] == "buy")).mean())
        directed = cases(reading.prints)["direction"] != 0
        assert directed.mean() > 0.6
    assert 0.60 <= right[0] <= 0.66
    assert 0.67 <= right[1] <= 0.76


def test_legs_of_a_package_are_of_one_instant_venue_and_size(raw):
    packages = raw.filter(pl.col("package").is_not_null()).group_by("package").agg(
        contracts=pl.col("contract").n_unique(),
        venues=pl.col("exchange").n_unique(),
        sizes=pl.col("size").n_unique(),
        apart=(pl.col("time").max() - pl.col("time").min()).dt.total_microseconds(),
    )  # fmt: skip
    assert packages.height > 100
    assert packages.select(pl.col("contracts").min(), pl.col("venues", "sizes").max()).row(0) == (2, 1, 1)
    assert packages["apart"].max() <= 200


def test_the_source_gives_a_tape_up_to_a_moment_and_refuses_what_it_does_not_list():
    source = SimulatedSource()
    tape = source.tape("KO", NOON)
    assert tape["time"].max() <= NOON
    assert set(tape["underlying"]) == {"KO"}
    with pytest.raises(SourceError, match="lists only"):
        source.tape("NOPE", NOON)
