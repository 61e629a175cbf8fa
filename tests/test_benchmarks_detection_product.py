"""What a user is told, judged over a store of recorded chains: the product's own path, with planted lots."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from standard import open_store
from test_benchmarks_detection import DAYS, recorded

from benchmarks.detection import decoys, product
from benchmarks.detection.product import Product, Told
from benchmarks.detection.recording import Recording
from scanner.app import configuring, opening

QUIET = "AAA250918C00110000"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Product:
    """Twenty-four sessions of one name in a store."""
    settings = configuring.built_in()
    rules, _ = opening.usable_rules(settings, strict=True)
    place: Path = tmp_path_factory.mktemp("store")
    store = open_store(place)
    opening.remember(store, recorded().partition_by("session_date", maintain_order=True))
    return Product(store, rules, settings)


@pytest.fixture(scope="module")
def planted(told: Product) -> list[Told]:
    """A session with 4,000 lots in a quiet contract; the name is too small for a model of its own."""
    lots = pl.DataFrame({"session_date": [DAYS[20]], "contract": [QUIET], "lots": [4000]})
    return list(told.tell(DAYS[20:21], lots))


def test_a_planted_block_is_told_first_by_the_contract_it_was_planted_in(planted: list[Told]) -> None:
    first = planted[0].alerts[0]
    assert QUIET in product.named(first)
    assert first.discovery
    assert product.lost(planted[0], [QUIET], budget=5) == "found"


def test_the_alerts_of_a_session_stand_in_the_order_of_the_budget(planted: list[Told]) -> None:
    places = [product.told_once(alert) for alert in planted[0].alerts]
    assert places == sorted(places, reverse=True)


def test_an_event_that_nothing_names_is_lost_to_what_stopped_it(planted: list[Told]) -> None:
    untouched = planted[0].ranked.filter(pl.col("family").is_null())["contract"][0]
    assert product.lost(planted[0], [untouched], 20) == "no family: too few lots, or may be a roll"
    assert product.lost(planted[0], ["NOT250918C00110000"], 20) == "not judged"


def test_without_planted_lots_the_store_is_told_as_it_is(told: Product) -> None:
    (natural,) = told.tell(DAYS[20:21])
    volume = natural.ranked.filter(pl.col("contract") == QUIET)["volume"].item()
    assert (
        volume
        == recorded().filter((pl.col("session_date") == DAYS[20]) & (pl.col("contract") == QUIET))["volume"].item()
    )


def test_a_repeated_a_holiday_and_a_half_empty_chain_raise_nothing_and_a_busy_day_is_not_refused(told: Product) -> None:
    recording = Recording.of(recorded())
    table = decoys.judge_decoys(recording, told, range(19, 22), np.random.default_rng(2))
    rows = {row["decoy"]: row for row in table.iter_rows(named=True)}
    for name in ("repeated chain", "holiday served as a session", "half of the chain missing"):
        assert (rows[name]["decoyed"], rows[name]["refused"]) == (0.0, 1.0)
    assert rows["market-wide busy day"]["refused"] == 0.0
    assert rows["market-wide busy day"]["decoyed"] <= rows["market-wide busy day"]["ordinary"] + 1


def test_a_kept_store_is_taken_again_as_it_is(tmp_path: Path) -> None:
    folder, kept = tmp_path / "chains", tmp_path / "kept"
    folder.mkdir()
    recorded().filter(pl.col("session_date") < DAYS[3]).write_parquet(folder / "AAA.parquet")
    settings = configuring.built_in()
    rules, _ = opening.usable_rules(settings, strict=True)

    def held() -> tuple[list[date], dict[Path, int]]:
        with product.imported(folder, rules, settings, kept=kept) as told:
            return told.sessions, {path: path.stat().st_mtime_ns for path in kept.rglob("*.parquet")}

    first, again = held(), held()
    assert first[0] == DAYS[:3]
    assert first[1]
    assert again == first


def test_what_a_rule_could_not_judge_is_counted(told: Product, planted: list[Told]) -> None:
    unjudged = planted[0].unjudged
    assert unjudged["implied-move-above-past"] == 1  # of one name no earnings date is known
    assert unjudged.keys() < {rule.id for rule in told.rules}
