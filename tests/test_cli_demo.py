"""``scanner demo``: both planted stories are flagged with the right contracts, and little else.

The demonstration is run once. Where SCANNER_DEMO names a folder, that run was the README's first command, and the
folder holds what it printed (``out.txt``) and wrote.
"""

from __future__ import annotations

import csv
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from scanner.market.symbology import parse_osi

STORIES = {
    "2025-09-05": {"GOOG250912C00235000"},
    "2024-06-20": {"NVDA240621P00135000", "NVDA240621P00130000"},
}
BUILDUPS = {"call-buildup-at-one-strike", "put-buildup-at-one-strike"}

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Demo:
    """What the demonstration left: what it printed, the rows of its CSV watchlist, and the text of its page."""

    printed: str
    rows: list[dict[str, str]]
    page: str

    def of(self, session: str) -> list[dict[str, str]]:
        """The rows of the watchlist of one session."""
        return [row for row in self.rows if row["session_date"] == session]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    named = os.environ.get("SCANNER_DEMO")
    folder = Path(named) if named else run(tmp_path_factory.mktemp("demo"))
    with (folder / "scanner-demo-watchlist.csv").open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    printed = (folder / "out.txt").read_text("utf-8")
    return Demo(" ".join(printed.split()), rows, (folder / "scanner-demo-report.html").read_text("utf-8"))


def run(folder: Path) -> Path:
    """Run the demonstration in a folder, in this process."""
    from scanner.cli import main

    with pytest.MonkeyPatch.context() as monkeypatch, (folder / "out.txt").open("w", encoding="utf-8") as out:
        monkeypatch.chdir(folder)
        monkeypatch.setattr("sys.stdout", out)
        monkeypatch.setattr("sys.argv", ["scanner", "demo", "--no-color", "--quiet"])
        with pytest.raises(SystemExit) as stopped:
            main.main()
    assert not stopped.value.code
    return folder


@pytest.mark.parametrize("session", STORIES)
def test_the_story_is_flagged_with_its_contracts_named_and_rare(demo, session):
    flagged = {
        row["symbol"]: (int(row["stars"]), float(row["volume_q"]))
        for row in demo.of(session)
        if BUILDUPS.intersection(row["rules"].split(";"))
    }
    assert set(flagged) == STORIES[session]
    assert all(stars >= 2 and q <= 0.1 for stars, q in flagged.values())


def test_the_put_call_alert_says_that_the_strikes_are_what_is_unusual(demo):
    (jump,) = [row for row in demo.of("2024-06-20") if "put-call-volume-jump" in row["rules"].split(";")]
    assert jump["symbol"] == "NVDA"
    assert "put/call volume 0.70 from 0.58" in jump["message"]
    assert "nothing rare, what drove it is: NVDA240621P00135000, NVDA240621P00130000" in jump["message"]


def test_the_lists_are_filled(demo):
    """Twenty alerts each, the budget; one about the whole market stands in no watchlist, which is of names."""
    told = re.findall(r"Alerts: ([^.]+)\.", demo.printed)
    assert [sum(map(int, re.findall(r"\d+", counts))) for counts in told] == [20] * len(STORIES)
    assert all(len(demo.of(session)) >= 19 for session in STORIES)


@pytest.mark.parametrize("session", STORIES)
def test_the_story_stands_at_the_top_of_its_list(demo, session):
    """Whatever else is told is no more than a notice."""
    rows = demo.of(session)
    first = " ".join(f"{row['symbol']} {row['message']}" for row in rows[:4])
    assert all(contract in first for contract in STORIES[session])
    assert {row["severity"] for row in rows if row["symbol"] not in STORIES[session]} <= {"info", "notice"}


def test_only_the_rarest_story_with_rare_money_is_high(demo):
    assert [row["symbol"] for row in demo.rows if row["severity"] == "high"] == ["GOOG250912C00235000"]


def test_everything_says_that_it_is_simulated_and_names_contracts_as_the_market_does(demo):
    assert {row["simulated"] for row in demo.rows} == {"true"}
    assert all(parse_osi(row["symbol"]).osi == row["symbol"] for row in demo.rows if row["strike"] and row["right"])
    assert demo.printed.count("source simulated (SIMULATED)") == len(STORIES)


def test_the_table_says_simulated_around_each_scan_and_what_to_run_next(demo):
    assert demo.printed.count("SIMULATED MARKET: invented prices and trades") == 4
    assert "GOOG 235 call" in demo.printed
    assert "NVDA 130 put" in demo.printed
    assert "scanner import FOLDER" in demo.printed
    assert "scanner alerts show" not in demo.printed


def test_the_page_is_named_and_tells_the_same(demo):
    assert "The report, a page for a browser, is in scanner-demo-report.html" in demo.printed
    assert (demo.page.count("SIMULATED MARKET"), demo.page.count("NVDA 130 put, 21 Jun")) >= (1, 1)


def stars_of(words: str) -> set[int]:
    """How many stars go with what is said of how seldom as much comes, by the legend; at a limit either."""
    if words.startswith("Rarer"):
        return {5}
    if "times a session" in words:
        return {1}
    if "once a session" in words:
        return {1, 2}
    once = int(re.findall(r"[0-9]+", words)[0])
    limits = (5, 20, 100)
    return {2 + sum(once > limit for limit in limits), 2 + sum(once >= limit for limit in limits)}


def test_stars_and_severity_never_contradict_the_words_beside_them(demo):
    rare = r"About once a session|About once in [0-9]+ sessions|About [0-9]+ times a session|Rarer than once in a year"
    told = re.findall(rf"SIMULATED (CRITICAL|HIGH|NOTICE) (★*) [A-Z].*? ({rare}) on this list", demo.printed)
    assert len(told) >= 30
    assert [item for item in told if len(item[1]) not in stars_of(item[2])] == []
    assert {severity for severity, stars, _ in told if len(stars) < 4} <= {"NOTICE"}
