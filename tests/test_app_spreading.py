"""Sessions judged by other processes: the same bytes, a killed one costs time alone, what is said where none helps."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from alert_samples import SURGE_RULE
from built_chains import built_chain
from distributed import Client
from distributed.deploy.subprocess import SubprocessCluster
from standard import calendar

from scanner import app
from scanner.app import configuring, opening, spreading
from scanner.config import Settings
from scanner.errors import ClusterError, UsageError
from scanner.outputs import document

DAYS = calendar.sessions_between(date(2026, 8, 3), date(2026, 8, 12))
COLUMNS = ("session_date", "underlying", "expiry", "strike", "right", "volume", "open_interest", "bid", "ask", "spot")


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a scheduler with two workers, each a process that is started anew when it dies."""
    with SubprocessCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as started:  # type: ignore[arg-type]
        yield started.scheduler_address


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A configuration whose store holds eight sessions of two names, with a call that trades far more on three days."""
    folder = tmp_path_factory.mktemp("spread")
    (folder / "chains").mkdir()
    (folder / "surge.yaml").write_text(SURGE_RULE, "utf-8")
    (folder / "config.yaml").write_text(f"source: files\nrules: [{folder}/surge.yaml]\n", "utf-8")
    for name in ("ABC", "XYZ"):
        for place, day in enumerate(DAYS):
            volume = [10 + (3 * place + 5 * row) % 11 for row in range(20)]
            volume[4] = 6_000 + place if place in (2, 3, 5) else 20
            chain = built_chain(day, underlying=name, volume=volume).select(COLUMNS)
            chain.write_csv(folder / "chains" / f"{name}-{day}.csv")
    configured = configuring.settings(folder / "config.yaml", store=folder / "store")
    app.import_chains(folder / "chains", settings=configured)
    return configured


def replayed(settings: Settings, **where: Any) -> list[str]:
    """Every session's document, as ``scanner replay --format json`` prints it."""
    results = app.replay(DAYS[0], DAYS[-1], settings=settings, **where)
    return [document.dumps(result, held_back=True) for result in results]


@pytest.fixture(scope="module")
def in_one_process(settings: Settings) -> list[str]:
    return replayed(settings)


@pytest.mark.slow
def test_workers_of_this_machine_give_the_very_bytes_of_one_process(
    settings: Settings, in_one_process: list[str]
) -> None:
    assert sum('"new"' in said for said in in_one_process) == 2
    assert replayed(settings, workers=2) == in_one_process


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_costs_time_alone(
    settings: Settings, in_one_process: list[str], cluster: str
) -> None:
    results = app.replay(DAYS[0], DAYS[-1], settings=settings, cluster=cluster)
    found = [next(results)]
    with Client(cluster, set_as_default=False) as client:
        before = client.run(os.getpid)
        assert len(before) == 2
        os.kill(next(iter(before.values())), signal.SIGKILL)
    found += results
    assert [document.dumps(result, held_back=True) for result in found] == in_one_process
    with Client(cluster, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
        assert set(client.run(os.getpid).values()) != set(before.values())


def test_a_worker_that_computes_with_something_else_is_refused_by_name(settings: Settings, cluster: str) -> None:
    rules, _ = opening.usable_rules(settings, strict=True)
    told = spreading.Told(settings, rules, None)
    told = replace(told, made_with=told.made_with | {"polars": "0.0.1"})
    with pytest.raises(ClusterError, match=r"polars .* for 0\.0\.1.*have the same"):
        list(spreading.stated(spreading.Spread(cluster), told, [("files", DAYS[0])]))


def test_a_worker_that_cannot_see_the_store_says_so(settings: Settings, cluster: str, tmp_path: Path) -> None:
    rules, _ = opening.usable_rules(settings, strict=True)
    elsewhere = configuring.settings(settings, store=tmp_path / "not-there")
    with pytest.raises(ClusterError, match=r"cannot read the store: .*not-there.*same path or URL"):
        list(spreading.stated(spreading.Spread(cluster), spreading.Told(elsewhere, rules, None), [("files", DAYS[0])]))


def test_an_address_where_nobody_answers_is_named_with_how_to_start_workers(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreading, "_PATIENCE", 1)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(UsageError, match=f"--cluster {address}: no scheduler .*dask scheduler"):
            replayed(settings, cluster=address)


@pytest.mark.parametrize("where", [{"workers": 2}, {"cluster": "tcp://127.0.0.1:8786"}])
def test_without_dask_the_extra_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, where: dict[str, Any]
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"--(workers|cluster) .*needs dask.*\[cluster\]"):
        replayed(settings, **where)


def test_a_cluster_and_workers_are_not_both_taken_nor_none_of_them() -> None:
    with pytest.raises(UsageError, match="give one of them"):
        app.replay(DAYS[0], DAYS[-1], cluster="tcp://127.0.0.1:8786", workers=2)
    with pytest.raises(UsageError, match="at least one"):
        app.replay(DAYS[0], DAYS[-1], workers=0)
