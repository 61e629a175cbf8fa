"""``scanner scan`` as a user meets it: what is printed where, the exit codes, and that nothing is lost."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from commands import Commands

from scanner.store.state import FILE_NAME

HEADER = "session_date,underlying,spot,expiry,strike,right,bid,ask,volume,open_interest\n"


@pytest.fixture
def scanner(monkeypatch, capsys, tmp_path) -> Commands:
    """The command line in an empty folder, with a store of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    (tmp_path / "config.yaml").write_text("source: files\nstore: {path: store}\n", "utf-8")
    return Commands(monkeypatch, capsys)


def chain_file(folder: Path, name: str = "goog.csv", underlying: str = "GOOG", session: str = "2025-09-04") -> Path:
    """A small canonical chain around a spot of 230: eleven strikes, both rights, one expiry."""
    rows = [HEADER]
    for strike in range(205, 260, 5):
        call, put = max(230 - strike, 0) + 3.0, max(strike - 230, 0) + 3.0
        rows += [
            f"{session},{underlying},230.0,2025-09-19,{strike},C,{call - 0.1:.2f},{call + 0.1:.2f},{strike},100\n",
            f"{session},{underlying},230.0,2025-09-19,{strike},P,{put - 0.1:.2f},{put + 0.1:.2f},10,50\n",
        ]
    path = folder / name
    path.write_text("".join(rows), "utf-8")
    return path


def test_a_scan_prints_one_json_document_on_stdout_alone(scanner, tmp_path):
    ran = scanner("scan", "--path", chain_file(tmp_path), "--format", "json")
    document = json.loads(ran.out)
    assert ran.code == 0
    assert document["schema"] == 1
    assert document["scan"]["symbols"] == {"requested": 1, "scanned": 1, "failed": 0}
    assert document["scan"]["contracts"] == 22
    assert document["scan"]["as_of"] == "2025-09-04T20:00:00Z"
    (goog,) = document["underlyings"]
    # calls 205 + 210 + ... + 255 = 2530, puts 11 x 10
    assert (goog["call_volume"], goog["put_volume"]) == (2530, 110)
    assert goog["put_call_volume"] == pytest.approx(110 / 2530)


def test_without_history_rules_that_need_it_are_not_judged_and_say_why(scanner, tmp_path):
    ran = scanner("scan", "--path", chain_file(tmp_path), "--format", "json")
    reasons = {entry["rule_id"]: entry["reasons"] for entry in json.loads(ran.out)["not_judged"]}
    assert any("0 of 10 sessions" in reason for reason in reasons["call-buildup-at-one-strike"])


def test_the_snapshot_is_stored_and_the_run_remembered(scanner, tmp_path):
    scanner("scan", "--path", chain_file(tmp_path), "--quiet")
    assert [path.suffix for path in (tmp_path / "store" / "snapshots").rglob("*.parquet")] == [".parquet"]


def test_csv_is_the_watchlist_with_its_header_even_when_nothing_was_flagged(scanner, tmp_path):
    ran = scanner("scan", "--path", chain_file(tmp_path), "--format", "csv")
    (header,) = list(csv.reader(io.StringIO(ran.out)))
    assert header[:4] == ["symbol", "underlying", "expiry", "strike"]
    assert header[-1] == "simulated"


def test_output_goes_to_the_file_named(scanner, tmp_path):
    ran = scanner("scan", "--path", chain_file(tmp_path), "--format", "json", "--output", "result.json")
    assert ran.out == ""
    assert json.loads((tmp_path / "result.json").read_text())["schema"] == 1


def test_an_unknown_symbol_is_named_and_the_others_go_on(scanner, tmp_path):
    ran = scanner("scan", "GOOG", "XYZZY", "--path", chain_file(tmp_path), "--format", "json")
    document = json.loads(ran.out)
    assert ran.code == 1
    assert document["scan"]["symbols"] == {"requested": 2, "scanned": 1, "failed": 1}
    assert [(error["symbol"], error["stage"]) for error in document["errors"]] == [("XYZZY", "source")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "empty"),
        ("<!doctype html><html><body>Access denied</body></html>", "web page"),
        ("a,b,c\n1,2,3\n", "format"),
    ],
)
def test_a_file_that_cannot_be_understood_is_refused_by_name_with_exit_3(scanner, tmp_path, content, words):
    path = tmp_path / "odd.csv"
    path.write_text(content, "utf-8")
    ran = scanner("scan", "--path", path, "--format", "json")
    assert ran.code == 3
    (error,) = json.loads(ran.out)["errors"]
    assert "odd.csv" in error["message"]
    assert words.lower() in error["message"].lower()


def test_a_folder_without_chains_ends_with_exit_3(scanner, tmp_path):
    (tmp_path / "nothing").mkdir()
    ran = scanner("scan", "--path", tmp_path / "nothing")
    assert ran.code == 3
    assert "no recorded chains" in " ".join(ran.out.split())


def test_one_bad_file_never_takes_the_others_down(scanner, tmp_path):
    folder = tmp_path / "chains"
    folder.mkdir()
    chain_file(folder)
    (folder / "broken.json").write_text('{"timestamp": "2025-09-0', "utf-8")
    ran = scanner("scan", "--path", folder, "--format", "json")
    document = json.loads(ran.out)
    assert ran.code == 1
    assert document["scan"]["symbols"]["scanned"] == 1
    assert "broken.json" in document["errors"][0]["message"]


def test_what_was_left_out_beside_a_chain_that_is_shown_is_named(scanner, tmp_path):
    folder = tmp_path / "chains"
    folder.mkdir()
    chain_file(folder)
    (folder / "broken.json").write_text('{"timestamp": "2025-09-0', "utf-8")
    ran = scanner("chain", "GOOG", "--path", folder)
    assert ran.code == 1
    assert "left out: " in ran.err
    assert "broken.json" in ran.err


def test_without_a_price_of_the_underlying_the_strikes_nearest_to_the_forward_are_shown(scanner, tmp_path):
    """Calls and puts of 230 cost the same, so the forward is near 230; one strike on each side of it."""
    path = chain_file(tmp_path)
    path.write_text(path.read_text("utf-8").replace(",230.0,", ",,"), "utf-8")
    ran = scanner("chain", "GOOG", "--path", path, "--near", "1", "--format", "csv")
    strikes = {row["strike"] for row in csv.DictReader(io.StringIO(ran.out))}
    assert len(strikes) == 2
    assert "230" in strikes
    assert "no price of the underlying" in ran.err


def test_a_note_that_holds_for_several_names_is_said_once(scanner, tmp_path):
    folder = tmp_path / "chains"
    folder.mkdir()
    for name in ("GOOG", "AAPL"):
        chain_file(folder, f"{name}.csv", name)
    ran = scanner("scan", "--path", folder, "--format", "json")
    notes = json.loads(ran.out)["notes"]
    assert sum("those of the session's close" in note for note in notes) == 1


def test_terms_that_are_not_accepted_stop_the_scan_in_two_lines(scanner):
    ran = scanner("scan", "GOOG", "--source", "cboe")
    assert ran.code == 2
    assert len(ran.err.strip().splitlines()) == 2
    assert "--accept-terms cboe" in ran.err
    assert "files" in ran.err
    assert "simulated" in ran.err


def test_a_typo_in_the_configuration_stops_with_file_line_and_nearest_spelling(scanner, tmp_path):
    (tmp_path / "config.yaml").write_text("source: files\nwatchlist: {a: [GOOG]}\n", "utf-8")
    ran = scanner("scan", "--path", chain_file(tmp_path))
    assert ran.code == 2
    assert "config.yaml:2: watchlist: unknown key; did you mean `watchlists`?" in ran.err
    assert ran.out == ""


def test_a_broken_rule_is_left_out_and_named_unless_strict(scanner, tmp_path):
    rules = tmp_path / "mine"
    rules.mkdir()
    good = "id: busy\ntitle: Busy\nstatus: stable\nscope: underlying\nseverity: info\nwhy: because\n"
    good += 'when: {all: [call_volume >= 1]}\nidentity: [underlying]\nmessage: "{underlying}"\n'
    (rules / "busy.yaml").write_text(good, "utf-8")
    (rules / "typo.yaml").write_text(good.replace("busy", "typo").replace("call_volume", "call_volme"), "utf-8")
    ran = scanner("scan", "--path", chain_file(tmp_path), "--rules", rules, "--format", "json")
    document = json.loads(ran.out)
    assert ran.code == 1
    assert [alert["rule_id"] for alert in document["alerts"]] == ["busy"]
    assert "typo.yaml" in document["errors"][0]["message"]
    assert "call_volume" in document["errors"][0]["message"]
    strict = scanner("scan", "--path", chain_file(tmp_path), "--rules", rules, "--strict")
    assert strict.code == 2
    assert "typo.yaml" in strict.err


def test_fail_on_wins_over_success(scanner, tmp_path):
    rule = tmp_path / "busy.yaml"
    rule.write_text(
        "id: busy\ntitle: Busy\nstatus: stable\nscope: underlying\nseverity: high\nwhy: because\n"
        'when: {all: [call_volume >= 1]}\nidentity: [underlying]\nmessage: "{underlying}"\n',
        "utf-8",
    )
    path = chain_file(tmp_path)
    assert scanner("scan", "--path", path, "--rules", rule, "--fail-on", "high").code == 10
    assert scanner("scan", "--path", path, "--rules", rule, "--fail-on", "critical", "--store", "other").code == 0


def test_a_store_that_cannot_be_used_costs_only_the_store(scanner, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    ran = scanner("scan", "--path", chain_file(tmp_path), "--store", tmp_path / "file", "--format", "json")
    document = json.loads(ran.out)
    assert ran.code == 1
    assert document["scan"]["symbols"]["scanned"] == 1
    assert document["errors"][0]["stage"] == "store"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("scan", "--source", "nonesuch"), "--source: there is no source 'nonesuch' in this version; there are: cboe"),
        (
            ("scan", "GOOG", "--source", "trader"),
            "there is no source 'trader' in this version; did you mean `tradier`? there are: cboe",
        ),
        (("scan", "--as-of", "yesterday"), "--as-of 'yesterday'"),
        (("scan", "--watchlist", "nope"), "there is no such watchlist"),
        (("chain", "GOOG", "--right", "X", "--path", "x.csv"), "expected C or P"),
        (("replay", "--from", "2025-13-01", "--to", "2025-09-04"), "--from 2025-13-01"),
        (("replay", "--from", "2025-09-05", "--to", "2025-09-04"), "is after"),
    ],
)
def test_wrong_usage_is_exit_2_with_the_option_named(scanner, words, said):
    ran = scanner(*words)
    assert ran.code == 2
    assert said in ran.err
    assert ran.out == ""


def test_the_same_quotes_scanned_again_are_not_stored_twice(scanner, tmp_path):
    path = chain_file(tmp_path)
    assert scanner("scan", "--path", path, "--quiet").code == 0
    assert scanner("scan", "--path", path, "--quiet").code == 0
    assert len(list((tmp_path / "store" / "snapshots").rglob("*.parquet"))) == 1


def test_a_scan_summarises_what_a_killed_one_left_behind(scanner, tmp_path):
    scanner("scan", "--path", chain_file(tmp_path, session="2025-09-03"), "--quiet")
    for summary in (tmp_path / "store" / "summaries").rglob("*.parquet"):
        summary.unlink()
    scanner("scan", "--path", chain_file(tmp_path, session="2025-09-04"), "--quiet")
    kept = {path.name for path in (tmp_path / "store" / "summaries").rglob("*2025-09-0*")}
    assert {name[:10] for name in kept} == {"2025-09-03", "2025-09-04"}


def test_what_ones_own_filter_left_out_is_said(scanner, tmp_path):
    rules = tmp_path / "mine"
    (rules / "filters").mkdir(parents=True)
    (rules / "busy.yaml").write_text(
        "id: busy\ntitle: Busy\nstatus: stable\nscope: underlying\nseverity: high\nwhy: because\n"
        'when: {all: [call_volume >= 1]}\nidentity: [underlying]\nmessage: "{underlying}"\n',
        "utf-8",
    )
    (rules / "filters" / "known.yaml").write_text('rules: [busy]\nwhen: underlying == "GOOG"\nwhy: we know\n', "utf-8")
    ran = scanner("scan", "--path", chain_file(tmp_path), "--rules", rules, "--format", "json")
    document = json.loads(ran.out)
    assert document["errors"] == []
    assert document["alerts"] == []
    assert "your filter known left out 1 finding of busy" in document["notes"]


def test_a_recorded_chain_older_than_the_session_asked_for_is_never_judged_as_that_session(scanner, tmp_path):
    ran = scanner("scan", "--path", chain_file(tmp_path), "--as-of", "2025-09-05", "--format", "json")
    document = json.loads(ran.out)
    assert ran.code == 3
    assert document["scan"]["symbols"] == {"requested": 1, "scanned": 0, "failed": 1}
    (error,) = document["errors"]
    assert (error["symbol"], error["stage"], error["code"]) == ("GOOG", "quality", "stale")
    assert error["message"] == (
        "its newest chain is of 2025-09-04, not of the session judged (2025-09-05); judge it with --as-of 2025-09-04"
    )


def test_of_recorded_chains_only_those_of_the_newest_session_are_judged_and_the_others_named(scanner, tmp_path):
    recorded = tmp_path / "recorded"
    recorded.mkdir()
    chain_file(recorded)
    chain_file(recorded, "aapl.csv", "AAPL", "2025-09-03")
    ran = scanner("scan", "--path", recorded, "--format", "json")
    document = json.loads(ran.out)
    assert ran.code == 1
    assert document["scan"]["session_date"] == "2025-09-04"
    assert [row["underlying"] for row in document["underlyings"]] == ["GOOG"]
    assert [(error["symbol"], error["code"]) for error in document["errors"]] == [("AAPL", "stale")]


def test_a_chain_of_a_past_session_is_shown_and_explained_from_the_store_without_naming_a_source(scanner, tmp_path):
    scanner("import", chain_file(tmp_path), "--store", "store", "--quiet")
    shown = scanner("chain", "GOOG", "--as-of", "2025-09-04", "--format", "json")
    rows = json.loads(shown.out)
    assert shown.code == 0
    assert (len(rows), {row["session_date"] for row in rows}) == (22, {"2025-09-04"})
    explained = scanner("rules", "explain", "call-buildup-at-one-strike", "--on", "GOOG", "--as-of", "2025-09-04")
    assert explained.code == 0
    assert "volume is at least 500" in explained.out
    assert "GOOG250919C" in explained.out


def test_the_store_is_scanned_and_shown_where_no_source_is_named_and_none_can_be_asked(scanner, tmp_path):
    scanner("import", chain_file(tmp_path), "--store", "store", "--quiet")
    scanned = json.loads(scanner("scan", "--as-of", "2025-09-04", "--format", "json").out)
    assert (scanned["scan"]["session_date"], scanned["scan"]["contracts"]) == ("2025-09-04", 22)
    # The configured source is that of files, and nobody has said which ones.
    shown = scanner("chain", "GOOG", "--format", "json")
    assert {row["session_date"] for row in json.loads(shown.out)} == {"2025-09-04"}
    assert "Shown as the store has it, session 2025-09-04" in shown.err
    unknown = scanner("chain", "XYZ")
    assert unknown.code == 2
    assert "which ones? Give `--path PATH`" in unknown.err


def test_a_live_source_is_never_asked_for_the_past(scanner, tmp_path):
    ran = scanner("scan", "GOOG", "--source", "cboe", "--accept-terms", "cboe", "--as-of", "2025-09-04")
    assert ran.code == 2
    assert ran.err.startswith("scanner: --as-of: cboe has the chains of now alone; ")


def test_a_closure_that_the_configuration_names_is_no_session(scanner, tmp_path):
    path = chain_file(tmp_path)
    (tmp_path / "mourning.yaml").write_text("calendar: {2025-09-04: closed}\n", "utf-8")
    (tmp_path / "beyond.yaml").write_text("calendar: {2040-09-04: closed}\n", "utf-8")
    for config, code in (("config.yaml", 0), ("mourning.yaml", 2), ("config.yaml", 0), ("beyond.yaml", 2)):
        ran = scanner("scan", "--path", path, "--as-of", "2025-09-04", "--config", config, "--store", "store")
        assert (config, ran.code) == (config, code)
    assert "beyond.yaml:1: calendar.2040-09-04: 2040-09-04 lies outside the exchange's calendar" in ran.err


def test_a_typo_in_the_name_of_accepted_terms_is_said_to_be_one(scanner):
    ran = scanner("scan", "GOOG", "--source", "cboe", "--accept-terms", "cbo")
    assert ran.code == 2
    assert ran.err.startswith(
        "scanner: --accept-terms: there is no source 'cbo' in this version; did you mean `cboe`? there are: "
    )


def test_a_store_that_can_only_be_read_still_lends_its_history(scanner, tmp_path):
    scanner("scan", "--path", chain_file(tmp_path, session="2025-09-03"), "--quiet")
    for file in (tmp_path / "store").glob(f"{FILE_NAME}*"):
        file.unlink()
    (tmp_path / "store" / FILE_NAME).write_text("no database at all, but long enough to look like a file" * 40)
    today = chain_file(tmp_path, session="2025-09-04")
    today.write_text(today.read_text().replace(",10,50\n", ",20,50\n"), "utf-8")
    ran = scanner("scan", "--path", today, "--format", "json")
    document = json.loads(ran.out)
    assert ran.code == 1
    assert [(error["stage"], error["code"]) for error in document["errors"]] == [("store", "not_opened")]
    assert document["underlyings"][0]["put_call_volume_prev"] == pytest.approx(110 / 2530)


def test_stored_sessions_that_end_before_the_close_are_named_where_history_is_short(scanner, tmp_path):
    folder = tmp_path / "chains"
    folder.mkdir()
    for day in ("02", "03"):
        path = chain_file(folder, f"{day}.csv", session=f"2025-09-{day}")
        noon = (
            path.read_text()
            .replace("session_date,", "quote_time,")
            .replace(f"2025-09-{day},G", f"2025-09-{day}T16:00:00Z,G")
        )
        path.write_text(noon, "utf-8")
    assert scanner("import", folder).code == 0
    ran = scanner("scan", "--path", chain_file(tmp_path), "--format", "json")
    reasons = {reason for entry in json.loads(ran.out)["not_judged"] for reason in entry["reasons"]}
    assert "building history: 0 of 10 sessions (2 stored sessions end before the close)" in reasons
    replayed = scanner("replay", "--from", "2025-09-03", "--to", "2025-09-03")
    assert "0 of 10 sessions (1 stored session ends before its close)" in " ".join(replayed.out.split())


def test_a_damaged_snapshot_of_the_session_is_named_and_the_scan_goes_on(scanner, tmp_path):
    scanner("scan", "--path", chain_file(tmp_path))
    (snapshot,) = (tmp_path / "store" / "snapshots").rglob("*.parquet")
    whole = snapshot.read_bytes()
    snapshot.write_bytes(whole[: len(whole) // 2])
    ran = scanner("scan", "--path", chain_file(tmp_path), "--format", "json")
    assert ran.code == 0
    assert "is damaged" in ran.err
    assert json.loads(ran.out)["scan"]["symbols"]["scanned"] == 1


def test_beside_a_damaged_state_the_chain_is_stored_all_the_same(scanner, tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / FILE_NAME).write_text("no database at all, but long enough to look like a file" * 40)
    ran = scanner("scan", "--path", chain_file(tmp_path), "--format", "json")
    (error,) = json.loads(ran.out)["errors"]
    assert "scanner store verify" in error["message"]
    assert error["message"].endswith("this scan goes on without remembering its alerts")
    assert len(list((tmp_path / "store" / "snapshots").rglob("*.parquet"))) == 1
    verified = scanner("store", "verify")
    assert (verified.code, "set aside: " in verified.out) == (1, True)
    assert scanner("scan", "--path", chain_file(tmp_path)).code == 0
