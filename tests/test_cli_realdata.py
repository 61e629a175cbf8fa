"""The main job on recorded real chains: sums are the raw sums, and nothing rests on a bad file."""

from __future__ import annotations

import gzip
import json

import pytest
from commands import Commands

pytestmark = pytest.mark.realdata


@pytest.fixture
def scanner(monkeypatch, capsys, tmp_path) -> Commands:
    monkeypatch.chdir(tmp_path)
    return Commands(monkeypatch, capsys)


def test_the_ratios_of_a_real_chain_are_its_raw_sums(scanner, real_data):
    path = real_data / "cboe-json" / "delayed_quotes_options_AAPL.json.gz"
    raw = json.loads(gzip.decompress(path.read_bytes()))["data"]["options"]
    sums = {
        (right, name): sum(int(row[name]) for row in raw if row["option"][-9] == right)
        for right in "CP"
        for name in ("volume", "open_interest")
    }
    ran = scanner("scan", "--path", path, "--store", "store", "--format", "json")
    document = json.loads(ran.out)
    (aapl,) = document["underlyings"]
    assert ran.code == 0
    assert document["scan"]["contracts"] == len(raw) == 3576
    assert (aapl["call_volume"], aapl["put_volume"]) == (sums["C", "volume"], sums["P", "volume"])
    assert aapl["put_call_volume"] == sums["P", "volume"] / sums["C", "volume"]
    assert aapl["put_call_oi"] == sums["P", "open_interest"] / sums["C", "open_interest"]


def test_repeats_and_mislabelled_sessions_are_named_and_nothing_rests_on_them(scanner, real_data):
    folder = real_data / "cboe-chain-daily"
    imported = scanner("import", folder / "MOD", folder / "SPXC", "--store", "store", "--format", "json")
    report = json.loads(imported.out)
    named = {(entry["underlying"], day) for entry in report["not_judgeable"] for day in entry["sessions"]}
    # Found by hand: SPXC 08-13 and 08-19 repeat the day before; these MOD files hold the trades of the day before.
    assert {("SPXC", "2026-08-13"), ("SPXC", "2026-08-19")} <= named
    assert {("MOD", f"2026-{day}") for day in ("07-23", "07-24", "07-28", "08-03", "08-05", "08-06", "08-07")} <= named
    ran = scanner("replay", "--from", "2026-07-22", "--to", "2026-08-21", "--store", "store", "--format", "json")
    documents = [json.loads(line) for line in ran.out.splitlines()]
    assert len(documents) == 23
    rested = {
        (alert["underlying"], alert["session_date"])
        for document in documents
        for alert in document["alerts"]
        if alert["status"] in ("new", "ongoing", "escalated")
    }
    assert not rested & named
    spoken = {document["scan"]["session_date"]: " ".join(document["notes"]) for document in documents}
    assert "repeats the volumes of session 2026-08-12" in spoken["2026-08-13"]
    assert "before session 2026-08-13 opened" in spoken["2026-08-13"]
