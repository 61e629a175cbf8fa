"""Sessions judged by other processes: the same bytes, a killed one costs time alone, what is said where none helps."""

from __future__ import annotations

import logging
import operator
import os
import signal
import socket
import sys
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
from scanner.app import configuring, opening, spreading, workers
from scanner.app.workers import Crew, Spread
from scanner.config import Settings
from scanner.errors import ClusterError, UsageError
from scanner.outputs import document
from scanner.pipeline import Stated

DAYS = calendar.sessions_between(date(2026, 8, 3), date(2026, 8, 12))
COLUMNS = ("session_date", "underlying", "expiry", "strike", "right", "volume", "open_interest", "bid", "ask", "spot")


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


def judged(settings: Settings, cluster: str) -> list[Stated]:
    """The first session, judged by a worker."""
    rules, _ = opening.usable_rules(settings, strict=True)
    with Crew(Spread(cluster), "nothing is kept") as crew:
        return list(spreading.stated(crew, spreading.Told(settings, rules, None), [("files", DAYS[0])]))


def test_a_worker_that_computes_with_something_else_is_refused_by_name(
    settings: Settings, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = workers.made_with() | {"polars": "0.0.1"}
    monkeypatch.setattr(workers, "made_with", lambda: other)
    with pytest.raises(ClusterError, match=r"polars .* for 0\.0\.1.*have the same"):
        judged(settings, cluster)


def test_a_worker_that_cannot_see_the_store_says_so(settings: Settings, cluster: str, tmp_path: Path) -> None:
    elsewhere = configuring.settings(settings, store=tmp_path / "not-there")
    with pytest.raises(ClusterError, match=r"cannot read the store: .*not-there.*same path or URL"):
        judged(elsewhere, cluster)


def test_an_address_where_nobody_answers_is_named_with_how_to_start_workers(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_PATIENCE", 1)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(UsageError, match=f"--cluster {address}: no scheduler .*dask scheduler"):
            replayed(settings, cluster=address)


def test_a_cluster_whose_workers_have_all_gone_is_waited_for_so_long_and_no_longer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(workers, "_LOOK", 0.1)
    monkeypatch.setattr(workers, "_PATIENCE_WITHOUT_WORKERS", 1)
    with (
        SubprocessCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as started,  # type: ignore[arg-type]
        Crew(Spread(started.scheduler_address), "nothing is kept") as crew,
    ):
        assert crew.result(crew.submit("added", operator.add, 1, 2)) == 3
        with Client(started.scheduler_address, set_as_default=False) as client:
            for process in (*client.run(os.getppid).values(), *client.run(os.getpid).values()):
                # Who would start the worker anew dies first.
                os.kill(process, signal.SIGKILL)
        with pytest.raises(ClusterError, match=r"all workers are gone, and none came for 1 s; nothing is kept"):
            crew.result(crew.submit("added", operator.add, 1, 2))
    assert [record.message for record in caplog.records if "waiting 1 s for one to come" in record.message]


def test_what_a_worker_warns_of_is_said_here_and_once(cluster: str, caplog: pytest.LogCaptureFixture) -> None:
    with Crew(Spread(cluster), "nothing is kept") as crew:
        logging.getLogger("scanner.store").warning("known already")
        for message in ("known already", "a file is damaged", "a file is damaged"):
            crew.result(crew.submit("warned", logging.getLogger("scanner.store").warning, message))
    assert [record.message for record in caplog.records] == ["known already", "a file is damaged"]


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
