"""Loading: every mistake at once with its place and a hint; a broken file never takes the others down."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanner import ruleset, shipped
from scanner.document import DocumentError, parse
from scanner.ruleset.cases import read_cases
from scanner.ruleset.judge import judge
from scanner.ruleset.problems import Reporter

GOOD = """\
id: {id}
title: A rule
status: stable
scope: contract
severity: high
why: to test
let:
  floor: 500
when:
  all:
    - volume >= floor
    - iv > 0.2
message: "{{contract}} {{volume:,}}"
"""

BAD = {
    # what is changed in a good rule: (old, new), and the place and the words that must be said
    "a typo in a key": (("severity:", "severty:"), "5:1", "unknown key 'severty'; did you mean severity?"),
    "a missing key": (("why: to test\n", ""), "1:1", "why must be given"),
    "a typo in a field": (("iv > 0.2", "ivv > 0.2"), "12:7", "unknown field 'ivv'; did you mean"),
    "a field of a wider scope": (("iv > 0.2", "iv30 > 0.2"), "12:7", "did you mean underlying.iv30?"),
    "a unit that does not fit": (("iv > 0.2", "iv > volume"), "12:7", "units differ: volatility and contracts"),
    "a later character": (("iv > 0.2", "iv > 0.2 and ivv > 1"), "12:20", "unknown field 'ivv'"),
    "an unknown severity": (("severity: high", "severity: hgh"), "5:11", "did you mean high?"),
    "an unknown scope": (("scope: contract", "scope: contrct"), "4:8", "did you mean contract?"),
    "an unknown status": (("status: stable", "status: done"), "3:9", "it is one of stable, experimental, deprecated"),
    "an id with capitals": (("id: a-rule", "id: A_Rule"), "1:5", "small letters, digits and hyphens"),
    "a let that hides a field": (("floor: 500", "volume: 500"), "8:3", "volume already is a field"),
    "a let that is not a name": (("floor: 500", "Floor: 500"), "8:3", "'Floor' is not a name"),
    "an empty list": (("    - volume >= floor\n    - iv > 0.2\n", "    []\n"), "11:5", "`all:` needs a list"),
    "an unknown group": (("  all:", "  some:"), "10:3", "a condition holds one of all, any, not"),
    "a message with an unknown field": (("{volume:,}", "{volum:,}"), "13:22", "unknown field 'volum'"),
    "a message with an attribute": (("{volume:,}", "{volume.real}"), "13:22", "does not see 'volume'"),
    "a message with an index": (("{volume:,}", "{volume[0]}"), "13:22", "is not a field"),
    "a message with a conversion": (("{volume:,}", "{volume!r}"), "13:22", "is not a field"),
    "a message with a nested format": (("{volume:,}", "{volume:{volume}}"), "13:22", "is not a format for it"),
    "a message with a huge width": (("{volume:,}", "{volume:999999999}"), "13:22", "is not a format for it"),
    "a message with a wrong brace": (("{volume:,}", "{volume"), "13:11", "the message cannot be read"),
    "a number format for text": (("{contract}", "{contract:,}"), "13:11", "contract is not a number"),
    "a tag": (("why: to test", "why: !!python/object:os.system to test"), "6:6", "is not allowed"),
    "a key given twice": (("why: to test", "why: to test\nwhy: again"), "7:1", "'why' is given twice"),
    "a tab": (("why: to test", "\twhy: to test"), "6:1", "not valid YAML"),
    "a zero limit": (("message:", "limit: 0\nmessage:"), "13:8", "limit must be a whole number of 1 or more"),
    "a limit in words": (("message:", "limit: ten\nmessage:"), "13:8", "limit must be a whole number"),
    "a wrong hold": (("message:", "for: 1 week\nmessage:"), "13:6", "write `for: 2 scans`"),
    "a wrong cooldown": (("message:", "cooldown: soon\nmessage:"), "13:11", "write `cooldown: 1 session`"),
    "a wrong need": (("message:", "needs: {sessions: 3}\nmessage:"), "13:9", "unknown key 'sessions'"),
    "an unknown identity": (("message:", "identity: [contrat]\nmessage:"), "13:11", "did you mean contract?"),
    "a rank that is no number": (("message:", "rank_by: right\nmessage:"), "13:10", "rank_by must be a number"),
    "drivers of a contract": (("message:", "drivers: {limit: 3}\nmessage:"), "13:10", "has no drivers"),
}


def load(folder: Path, **files: str) -> ruleset.Loaded:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", "-")
        path.with_suffix(".yaml").parent.mkdir(exist_ok=True)
        path.with_suffix(".yaml").write_text(text)
    return ruleset.load([folder])


@pytest.mark.parametrize(("change", "place", "words"), BAD.values(), ids=BAD)
def test_a_mistake_is_named_with_its_place_and_how_to_mend_it(
    tmp_path: Path, change: tuple[str, str], place: str, words: str
) -> None:
    text = GOOD.format(id="a-rule")
    assert change[0] in text
    loaded = load(tmp_path, a_rule=text.replace(*change), another=GOOD.format(id="another"))
    assert [rule.id for rule in loaded.rules] == ["another"]
    said = [str(problem) for problem in loaded.problems]
    assert any(line.startswith(f"{tmp_path / 'a-rule.yaml'}:{place}: ") and words in line for line in said), said


def test_all_mistakes_of_a_file_are_said_at_once(tmp_path: Path) -> None:
    text = GOOD.format(id="a-rule").replace("severity: high", "severity: hgh").replace("iv >", "ivv >")
    text = text.replace("volume >= floor", "volum >= floor").replace("{volume", "{volum")
    assert len(load(tmp_path, a_rule=text).problems) == 4


def test_two_rules_with_one_id_are_not_both_loaded(tmp_path: Path) -> None:
    loaded = load(tmp_path, a_rule=GOOD.format(id="same"), another=GOOD.format(id="same"))
    assert len(loaded.rules) == 1
    assert "the id same is already taken by" in str(loaded.problems[0])


def test_files_that_are_not_rules_are_named_and_left_out(tmp_path: Path) -> None:
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00id")
    (tmp_path / "list.yaml").write_text("- 1\n")
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "large.yaml").write_text("a: " + "x" * 500_000)
    (tmp_path / "folder.yaml").mkdir()
    loaded = ruleset.load([tmp_path, tmp_path / "absent.yaml"])
    words = {problem.path.name: problem.message for problem in loaded.problems}
    assert "not UTF-8" in words["bytes.yaml"]
    assert "must hold a mapping" in words["list.yaml"]
    assert "the file is empty" in words["empty.yaml"]
    assert "split it" in words["large.yaml"]
    assert "no such file" in words["absent.yaml"]
    assert len(words) == 5


def test_yaml_is_version_1_2() -> None:
    """ON and NO are words, 1e-4 is a number, and 010 is ten."""
    table = parse("a: ON\nb: NO\nc: 1e-4\nd: 010\ne: yes\nf: 0o17\n")
    values = [value.value for value in table.entries.values()]
    assert values == ["ON", "NO", 1e-4, 10, "yes", 15]


def test_anchors_cannot_grow_without_bound() -> None:
    """The billion laughs: ten levels of ten references each."""
    lines = ['a0: &a0 ["lol"]']
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 11)]
    with pytest.raises(DocumentError, match="more than"):
        parse("\n".join(lines))


def test_an_alias_of_nothing_or_of_what_it_stands_in_is_refused() -> None:
    for text in ("a: &a [*a]", "a: *b"):
        with pytest.raises(DocumentError, match="stands for nothing yet"):
            parse(text)


def test_shared_lists_and_conditions_are_known_by_name(tmp_path: Path) -> None:
    macros = "lists: {funds: [SPY, QQQ]}\nconditions: {soon: dte <= 7}\n"
    rule = GOOD.format(id="a-rule").replace("iv > 0.2", "soon and underlying in funds")
    loaded = load(tmp_path, macros=macros, a_rule=rule)
    assert loaded.problems == ()
    assert [use.column for use in loaded.rules[0].fields] == ["volume", "dte", "underlying"]


def test_macros_are_found_from_a_single_rule_file(tmp_path: Path) -> None:
    (tmp_path / "macros.yaml").write_text("conditions: {soon: dte <= 7}\n")
    (tmp_path / "experimental").mkdir()
    file = tmp_path / "experimental" / "a-rule.yaml"
    file.write_text(GOOD.format(id="a-rule").replace("iv > 0.2", "soon"))
    assert ruleset.load([file]).problems == ()


def test_overrides_change_parameters_for_some_underlyings_alone(tmp_path: Path) -> None:
    overrides = """\
overrides:
  - rules: [a-rule]
    underlyings: [TSLA]
    set: {let: {floor: 9000}, severity: critical, limit: 2}
  - {rules: [a-rule], watchlist: quiet, enabled: false}
"""
    (tmp_path / "a-rule.yaml").write_text(GOOD.format(id="a-rule"))
    (tmp_path / "overrides.yaml").write_text(overrides)
    loaded = ruleset.load([tmp_path], {"quiet": ["VIX"]})
    assert loaded.problems == ()
    frame = pl.DataFrame(
        {
            "underlying": ["TSLA", "TSLA", "GOOG", "VIX"],
            "contract": ["a", "b", "c", "d"],
            "volume": [5000, 10000, 5000, 10000],
            "iv": [0.5] * 4,
        }
    )
    findings = judge(loaded.rules, {"contract": frame}).findings
    assert sorted(zip(findings["contract"], findings["severity"], strict=True)) == [("b", "critical"), ("c", "high")]


@pytest.mark.parametrize("listed", ["brk-b, '^spx'", "BRK/B, SPX", "'brk b', $spx.x"])
def test_overrides_name_underlyings_in_any_spelling(tmp_path: Path, listed: str) -> None:
    override = f"overrides:\n  - {{rules: [a-rule], underlyings: [{listed}], set: {{severity: critical}}}}\n"
    loaded = load(tmp_path, a_rule=GOOD.format(id="a-rule"), overrides=override)
    assert loaded.problems == ()
    frame = pl.DataFrame(
        {"underlying": ["BRK.B", "SPX", "GOOG"], "contract": ["a", "b", "c"], "volume": [900] * 3, "iv": [0.5] * 3}
    )
    findings = judge(loaded.rules, {"contract": frame}).findings
    told = sorted(zip(findings["contract"], findings["severity"], strict=True))
    assert told == [("a", "critical"), ("b", "critical"), ("c", "high")]


@pytest.mark.parametrize(
    "when", ["underlying == 'brk/b'", "underlying in ['BRKB', '.NDX']", "root == 'BRK-B'", "underlying != '.SPX'"]
)
def test_a_condition_names_an_underlying_in_any_spelling(tmp_path: Path, when: str) -> None:
    rule = GOOD.format(id="a-rule").replace("iv > 0.2", f'"{when}"')
    loaded = load(tmp_path, a_rule=rule)
    assert loaded.problems == ()
    names, roots = ["BRK.B", "SPX"], ["BRKB", "SPXW"]
    frame = pl.DataFrame({"underlying": names, "root": roots, "contract": ["a", "b"], "volume": [900, 900]})
    assert judge(loaded.rules, {"contract": frame}).findings["contract"].to_list() == ["a"]


def test_a_rule_of_the_market_takes_no_override_for_some_underlyings(tmp_path: Path) -> None:
    rule = GOOD.format(id="a-rule").replace("contract", "market").replace("iv > 0.2", "put_call_volume > 2")
    rule = rule.replace("{market} ", "")
    override = "overrides:\n  - {rules: [a-rule], underlyings: [GOOG], enabled: false}\n"
    loaded = load(tmp_path, a_rule=rule, overrides=override)
    assert "a-rule judges the market, which has no underlyings" in str(loaded.problems[0])


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("{rules: [a-rule], underlyings: ['GO?G'], enabled: false}", "'GO?G' is not a ticker symbol"),
        ("{rules: [a-rul], enabled: false}", "there is no rule 'a-rul'; did you mean a-rule?"),
        ("{rules: [a-rule], watchlist: megacp, enabled: false}", "unknown watchlist 'megacp'"),
        ("{rules: [a-rule], set: {when: volume > 1}}", "unknown key 'when'"),
        ("{rules: [a-rule], set: {severity: loud}}", "severity cannot be 'loud'"),
        ("{rules: [a-rule], set: {let: {floor: ivv}}}", "unknown field 'ivv'"),
        ("{rules: [a-rule], enabled: perhaps}", "enabled is true or false"),
    ],
)
def test_a_mistake_in_an_override_is_named(tmp_path: Path, override: str, words: str) -> None:
    loaded = load(tmp_path, a_rule=GOOD.format(id="a-rule"), overrides=f"overrides:\n  - {override}\n")
    assert any(words in str(problem) for problem in loaded.problems), loaded.problems


FILTER = "rules: [a-rule]\nwhen: underlying == 'GME'\nuntil: 2025-09-04\nwhy: known\n"


@pytest.mark.parametrize(("day", "flagged"), [(4, ["GOOG"]), (5, ["GME", "GOOG"])])
def test_a_filter_excludes_until_its_last_day_and_counts_what_it_left_out(
    tmp_path: Path, day: int, flagged: list[str]
) -> None:
    loaded = load(tmp_path, a_rule=GOOD.format(id="a-rule"), filters__known=FILTER)
    assert loaded.problems == ()
    frame = pl.DataFrame(
        {
            "session_date": [datetime.date(2025, 9, day)] * 2,
            "underlying": ["GME", "GOOG"],
            "contract": ["x", "y"],
            "volume": [900, 900],
            "iv": [0.5, 0.5],
        }
    )
    judged = judge(loaded.rules, {"contract": frame})
    assert sorted(judged.findings["underlying"]) == flagged
    assert judged.filtered["count"].sum() == 2 - len(flagged)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("a-rule", "a-rle"), "there is no rule 'a-rle'; did you mean a-rule?"),
        (("underlying ==", "underlyng =="), "did you mean underlying?"),
        (("2025-09-04", "soon"), "until must be a date"),
        (("why: known\n", ""), "why must be given"),
    ],
)
def test_a_mistake_in_a_filter_is_named(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    loaded = load(tmp_path, a_rule=GOOD.format(id="a-rule"), filters__known=FILTER.replace(*change))
    assert any(words in str(problem) for problem in loaded.problems), loaded.problems


def test_a_deprecated_id_leads_to_the_rule_that_took_its_place(tmp_path: Path) -> None:
    old = "id: old-rule\nstatus: deprecated\nreplaced_by: a-rule\n"
    excluded = FILTER.replace("[a-rule]", "[old-rule]")
    loaded = load(tmp_path, a_rule=GOOD.format(id="a-rule"), old_rule=old, filters__known=excluded)
    assert loaded.problems == ()
    assert loaded.redirects == {"old-rule": "a-rule"}
    assert [item.id for item in loaded.rules[0].filters] == ["known"]


def test_the_plain_attributes_of_a_rule(tmp_path: Path) -> None:
    more = "for: 2 scans\ncooldown: 3 hours\nlimit: 7\nneeds: {history_sessions: 12}\nrank_by: volume_surprise\n"
    (rule,) = load(tmp_path, a_rule=GOOD.format(id="a-rule") + more).rules
    assert (rule.hold_scans, rule.limit, rule.needs_history) == (2, 7, 12)
    assert rule.cooldown == ruleset.Cooldown(180, "minute")
    assert rule.identity == ("contract",)
    assert rule.calibrated is False


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_a_document_or_is_refused_with_its_place(text: str) -> None:
    assert place_of(text).line >= 1


def place_of(text: str) -> ruleset.Place:
    """Where a document starts, or why it is none; any other error escapes."""
    try:
        return parse(text).place
    except DocumentError as error:
        return error.place


lines = st.sampled_from(GOOD.format(id="a-rule").splitlines())
noise = st.text(st.sampled_from("abc:-[]{}&*!|>'\"%@`#, \t0.9~?"), max_size=12)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(lines, noise), max_size=20).map("\n".join))
def test_any_shuffled_rule_is_loaded_or_named(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("rules")
    (folder / "some.yaml").write_text(text)
    loaded = ruleset.load([folder])
    assert bool(loaded.rules) != bool(loaded.problems)


def test_the_command_module_loads_no_heavy_library() -> None:
    """It is what every command pays for."""
    code = "import sys; import scanner.cli.rules; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"polars", "numpy", "yaml"}.isdisjoint(ran.stdout.split())


SHIPPED = sorted(path for path in shipped.shipped_rules().rglob("*.yaml"))
ODDITIES = [
    "*a", "&a", "<<:", "!!set", "{", "}", "[" * 500, "]", "- ", "? ", ":", "\n", "'", '"', "|", ">", "#",
    "%YAML 1.1\n", "\0",
    "\x1b", "\x85", "\u202e", "\ud800", "null", "1e999", "9" * 5000, "a: a: a", "(" * 500, "volume >= ", "not",
    "{volume:,}",
]  # fmt: skip


@given(st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_mangled_file_of_rules_is_read_or_reported_with_its_place_and_never_anything_else(tmp_path, chance):
    """Rules, macros, overrides, filters and tests alike: each shipped file may be the one that is mangled."""
    shipped = chance.choice(SHIPPED)
    words = shipped.read_text("utf-8").split(" ")
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(words))
        words[place : place + chance.randint(0, 2)] = chance.choices(ODDITIES, k=chance.randint(0, 2))
    folder = tmp_path / chance.choice(["rules", "filters"])
    folder.mkdir(exist_ok=True)
    mangled = folder / shipped.name
    mangled.write_bytes(" ".join(words).encode("utf-8", "surrogatepass"))
    loaded = ruleset.load([folder])
    for rule in loaded.rules:
        reporter = Reporter(mangled, rule.id)
        read_cases(rule, mangled, reporter)
    mangled.unlink()
    assert all(problem.path.parent == folder and problem.place.line >= 1 for problem in loaded.problems)


def test_a_pipe_among_the_rules_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    os.mkfifo(tmp_path / "macros.yaml")
    assert ruleset.load([tmp_path]).rules == ()
    assert [problem.code for problem in ruleset.load([tmp_path / "pipe.yaml"]).problems] == ["missing"]
