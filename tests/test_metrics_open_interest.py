"""Changes of open interest: each name against its own close, whichever session of the panel shows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
from built_chains import built_chain
from hypothesis import given, settings
from hypothesis import strategies as st
from standard import calendar

from scanner.history.panel import CONTRACT_SCHEMA, Panel
from scanner.metrics import contract

DAYS = calendar.sessions_between(date(2026, 7, 6), date(2026, 7, 17))
TODAY = date(2026, 7, 20)
NAMES = ("ABC", "DEF", "GHI", "JKL")
LISTED = pl.concat([built_chain(TODAY, underlying=name) for name in NAMES[:3]])
CHAIN = pl.concat([LISTED, built_chain(TODAY, underlying="NEW")])


def looked_up(chain: pl.DataFrame, panel: Panel, closes_back: int) -> list[int | None]:
    """The change of each contract, found one by one in plain Python."""
    row_of = {name: row for row, name in enumerate(panel.contracts["contract"])}
    asof_of: dict[str, date] = {}
    for name, asof in chain.select("underlying", "oi_asof").iter_rows():
        if asof is not None:
            asof_of.setdefault(name, asof)
    found: list[int | None] = []
    for name, listed, now in chain.select("underlying", "contract", "open_interest").iter_rows():
        then = None
        if name in asof_of and name in panel.underlyings and listed in row_of:
            close = calendar.sessions_before(asof_of[name], closes_back)[0]
            shown = [day.item() for day in panel.oi_asof[panel.underlyings.index(name)]]
            columns = [column for column, day in enumerate(shown) if day == close]
            if columns:
                then = panel.open_interest[row_of[listed], columns[-1]]
        found.append(None if then is None or np.isnan(then) or now is None else now - int(then))
    return found


SHOWN = st.lists(st.sampled_from([*DAYS, None]), min_size=len(DAYS), max_size=len(DAYS))
ASOF = st.sampled_from([*DAYS[4:], None])


@settings(max_examples=60, deadline=None)
@given(shown=st.tuples(SHOWN, SHOWN, SHOWN, SHOWN), asof=st.tuples(ASOF, ASOF, ASOF, ASOF), seed=st.integers(0, 99))
def test_each_name_is_held_against_the_session_that_shows_its_own_close(shown, asof, seed) -> None:
    random = np.random.default_rng(seed)
    listed = LISTED.filter(pl.Series(random.random(LISTED.height) < 0.9))
    held = random.integers(0, 1000, (listed.height, len(DAYS))).astype(np.float32)
    held[random.random(held.shape) < 0.2] = np.nan
    panel = replace(
        Panel.empty("test", calendar=calendar),
        sessions=tuple(DAYS),
        contracts=listed.select(CONTRACT_SCHEMA.names()),
        open_interest=held,
        iv=np.full_like(held, np.nan),
        underlyings=NAMES,
        oi_asof=np.array(shown, "datetime64[D]"),
    )
    told = dict(zip((*NAMES[:3], "NEW"), asof, strict=True))
    chain = CHAIN.with_columns(
        oi_asof=pl.col("underlying").replace_strict(told, return_dtype=pl.Date),
        open_interest=pl.when(pl.Series(random.random(CHAIN.height) < 0.9)).then("open_interest"),
        mid=pl.lit(1.0),
        iv=pl.lit(None, pl.Float64),
        delta=pl.lit(None, pl.Float64),
    )
    found = contract.measure(chain, panel, calendar.session_close(TODAY))
    assert found["oi_change"].to_list() == looked_up(chain, panel, 1)
    assert found["oi_change_5"].to_list() == looked_up(chain, panel, 5)
