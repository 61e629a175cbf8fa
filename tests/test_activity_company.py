"""A contract's chance beside other names and alone: it may differ, within what the documents state."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from test_activity import chain_of, draw, mean_volume, remembered

from scanner import activity
from scanner.history.panel import Panel


def alone(panel: Panel, name: str) -> Panel:
    """What is remembered of one name of a panel."""
    mine = (panel.contracts["underlying"] == name).to_numpy()
    number = panel.underlyings.index(name)
    matrices = {field: getattr(panel, field)[mine] for field in ("volume", "open_interest", "iv", "delta", "mid")}
    one = slice(number, number + 1)
    return replace(
        panel,
        contracts=panel.contracts.filter(pl.Series(mine)),
        underlyings=(name,),
        spot=panel.spot[one],
        oi_asof=panel.oi_asof[one],
        **matrices,
    )


@pytest.mark.parametrize("name", ["AAA", "BBB"])
def test_a_contract_alone_is_as_rare_as_in_company_within_what_is_stated(name: str) -> None:
    """Half of those rarer than one in ten are within a quarter of a decade, nine of ten within .8."""
    panel = remembered(sessions=48)
    chain = chain_of(panel, draw(np.random.default_rng(3), 1.5 * mean_volume(panel.contracts)))
    together = activity.score(activity.fit(panel), chain, panel).filter(pl.col("underlying") == name)
    mine = alone(panel, name)
    model = activity.fit(mine)
    assert model.kind == "own"
    single = activity.score(model, chain.filter(pl.col("underlying") == name), mine)
    both = np.stack([frame["combined_surprise"].to_numpy() for frame in (together, single)])
    apart = np.abs(both[1] - both[0])
    rare = apart[both.max(axis=0) >= 1.0]
    assert len(rare) >= 10
    assert np.median(rare) <= 0.25
    assert np.quantile(rare, 0.9) <= 0.8
