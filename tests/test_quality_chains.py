"""Every kind of dirt that recorded chains are known for, each as two small files: a sound session, then the bad one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from standard import calendar, open_store, read_recorded

from scanner.store.importing import ImportReport, import_chains
from scanner.store.store import Store

CHAINS = Path(__file__).parent / "chains"
QUOTES, VOLUME, OI, SPOT, ALL = "quotes", "volume", "open_interest", "spot", "all"


@dataclass(frozen=True)
class Case:
    """What must be said of the last file of a case, and what of it may still be used."""

    name: str
    check: str | None
    off: frozenset[str] = field(default_factory=frozenset)
    volume: list[float] | None = None


CASES = [
    Case("repeated", "repeated", frozenset({ALL})),
    Case("label_a_session_late", "stale", frozenset({VOLUME, QUOTES, SPOT})),
    Case("label_a_session_early", "mislabelled", frozenset({ALL})),
    Case("open_interest_not_refreshed", "oi_not_refreshed", frozenset({OI})),
    Case("half_the_rows_on_a_half_day", "incomplete", frozenset({ALL})),
    Case("zero_quotes", "zero_quotes", frozenset({QUOTES})),
    Case("volume_that_falls", "volume_fell", frozenset({VOLUME})),
    Case("rows_without_open_interest_dropped", None),
    Case("spot_missing", "spot_missing", frozenset({SPOT})),
    Case("volume_carried_over", None),
    Case("open_interest_zero_overnight", "oi_collapsed", frozenset({OI})),
    Case("open_interest_of_two_closes_ago", "oi_lagging", frozenset({OI})),
    Case("open_interest_impossible", "oi_impossible", frozenset({OI})),
    Case("crossed_quotes", "absurd_quotes", frozenset({QUOTES})),
    Case("spot_off", "spot_off_parity", frozenset({SPOT})),
    Case("holiday", "holiday", frozenset({ALL})),
    Case("weekend", "weekend", frozenset({ALL})),
]


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.fixture
def store(case: Case, tmp_path: Path) -> Store:
    opened = open_store(tmp_path)
    import_chains(opened, read_recorded(CHAINS / f"quality_{case.name}"), ImportReport())
    return opened


def test_the_bad_file_is_named_and_switches_off_exactly_what_it_makes_untrustworthy(case: Case, store: Store) -> None:
    newest = store.snapshots.sessions("canonical")[-1]
    verdicts = store.summaries.underlyings("canonical", newest)["verdicts"][0]
    assert {verdict["check"] for verdict in verdicts} == ({case.check} if case.check else set())
    assert {verdict["switches_off"] for verdict in verdicts} == case.off


def test_what_is_not_trusted_is_unknown_to_later_sessions_and_the_rest_is_known(case: Case, store: Store) -> None:
    newest = store.snapshots.sessions("canonical")[-1]
    panel = store.history.panel("canonical", ["ABC"], before=calendar.next_session(newest))
    listed = panel.rows_of(store.snapshots.newest("canonical", newest))
    held = newest in panel.sessions
    assert held == calendar.is_session(newest)
    for part, matrix in ((VOLUME, panel.volume), (OI, panel.open_interest)):
        known = np.isfinite(matrix[listed[listed >= 0], -1]).all() if held else False
        assert known == (held and not case.off & {part, ALL})


def test_a_volume_carried_over_from_an_earlier_day_is_remembered_as_the_zero_it_stands_for(
    tmp_path: Path,
) -> None:
    store = open_store(tmp_path)
    import_chains(store, read_recorded(CHAINS / "quality_volume_carried_over"), ImportReport())
    newest = store.snapshots.sessions("canonical")[-1]
    raw, kept = store.snapshots.newest("canonical", newest), store.summaries.contracts("canonical", newest)
    assert (raw["volume"] > 0).all()
    assert kept["volume"].to_list() == [0 if row % 2 == 0 else volume for row, volume in enumerate(raw["volume"])]


def test_volumes_of_two_vendors_never_meet(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    import_chains(store, read_recorded(CHAINS / "quality_repeated" / "2026-08-04.csv"), ImportReport())
    chain = store.snapshots.newest("canonical", store.snapshots.sessions("canonical")[0])
    other = chain.with_columns(source=pl.lit("other"))
    store.snapshots.write(other, "scan")
    store.catch_up()
    # The same numbers from another vendor are neither a repeat nor part of the first one's baseline.
    assert store.summaries.underlyings("other", other["session_date"][0])["verdicts"].to_list() == [[]]
    panel = store.history.panel("other", ["ABC"], before=other["session_date"][0])
    assert panel.sessions == ()
