"""The configuration: what is right is typed, what is wrong is named with its line and how to mend it."""

from __future__ import annotations

from datetime import date, time, timedelta
from pathlib import Path

import pytest

from scanner import config, resources
from scanner.errors import ConfigError


def write(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, "utf-8")
    return path


def test_the_shipped_default_is_valid():
    settings = config.load(resources.default_config(), {})
    assert settings.source == ("cboe",)
    assert settings.accept_terms == ()
    assert [job.name for job in settings.schedule] == ["intraday", "close", "confirm"]


def test_yaml_is_version_1_2_so_on_and_no_are_tickers(tmp_path):
    settings = config.load(write(tmp_path, "watchlists:\n  odd: [ON, NO, brk.b]\n"), {})
    assert settings.watchlists["odd"] == ("ON", "NO", "BRK.B")


def test_durations_and_a_fallback_order_are_read(tmp_path):
    settings = config.load(write(tmp_path, "source: [cboe, files]\nstore: {keep_snapshots: 90d}\n"), {})
    assert settings.source == ("cboe", "files")
    assert settings.store.keep_snapshots == timedelta(days=90)


def test_relative_paths_are_taken_from_the_files_own_folder(tmp_path):
    settings = config.load(write(tmp_path, "store: {path: history}\noutputs: {watchlist: {path: lists/}}\n"), {})
    assert settings.store.path == tmp_path / "history"
    assert settings.outputs.watchlist is not None
    assert settings.outputs.watchlist.path == tmp_path / "lists"


def test_every_problem_is_reported_at_once_with_line_and_nearest_spelling(tmp_path):
    path = write(
        tmp_path,
        "sorce: cboe\n"
        "store: {pth: x}\n"
        "watchlists: {mine: [AAPL]}\n"
        "schedule:\n"
        "  - {name: a, watchlist: mine, every: 15q}\n"
        "  - name: b\n"
        "    watchlist: mine\n"
        "    evry: 15m\n"
        "outputs:\n"
        "  terminal: {min_severity: hgh}\n"
        '  notify: ["${NOT_THERE}"]\n',
    )
    with pytest.raises(ConfigError) as caught:
        config.load(path, {})
    assert [problem.removeprefix(f"{path}:") for problem in caught.value.problems] == [
        "1: sorce: unknown key; did you mean `source`?",
        "2: store.pth: unknown key; did you mean `path`?",
        "5: schedule.0.every: '15q' is not a duration; write a whole number and s, m, h or d, such as 15m or 400d",
        "8: schedule.1.evry: unknown key; did you mean `every`?",
        "10: outputs.terminal.min_severity: 'hgh' is not known; did you mean `high`?",
        "11: outputs.notify.0: the environment variable NOT_THERE is not set; "
        "set it (export NOT_THERE=...) or take the line out",
    ]


def test_secrets_come_from_the_environment_and_never_print_themselves(tmp_path):
    path = write(tmp_path, 'outputs: {notify: ["${HOOK}"]}\n')
    settings = config.load(path, {"HOOK": "https://example.test/s3cret"})
    assert settings.outputs.notify[0].get_secret_value() == "https://example.test/s3cret"
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("source: [cboe\n", r"config.yaml:\d+: not YAML"),
        ("- a\n- b\n", "config.yaml:1: expected keys"),
        ("a: 1\na: 2\n", "config.yaml:2: not YAML"),
        ("schedule:\n  - {name: x, watchlist: nope, at: close}\n", "names the watchlist 'nope'"),
        ("alerts: {cooldown: soon}\n", "write a number of sessions"),
        ("alerts: {false_discovery_rate: 2}\n", r"config.yaml:1: alerts.false_discovery_rate: should be less than 1$"),
        ("alerts: {budget_per_session: many}\n", r"alerts.budget_per_session: expected a whole number$"),
        ("watchlists: {mine: AAPL}\n", r"config.yaml:1: watchlists.mine: expected a list, such as \[one, two\]$"),
        ("outputs: []\n", "outputs: expected keys and values"),
        ("source: []\n", "source: expected at least one item"),
        (
            "schedule:\n  - {watchlist: x, at: close}\n",
            "schedule.0.name: expected a value; this key may",
        ),
        ("source: [files,\n  tradier]\n", r"config.yaml:2: source.1: there is no source 'tradier' in this .*: cboe "),
        ("source: cbeo\n", r"did you mean `cboe`\?"),
        (
            "calendar:\n  2027-03-12: shut\n",
            r"config.yaml:2: calendar.2027-03-12: 'shut': write `closed`, or the hours",
        ),
        ("calendar: {2027-11-26: 13:00-09:30}\n", "the session would close before it opens"),
        ("calendar: {tomorrow: closed}\n", "calendar.tomorrow: 'tomorrow' is not a date such as 2027"),
        ("accept_terms: [yahoo]\n", "accept_terms.0: there is no source 'yahoo' in this version"),
    ],
)
def test_what_cannot_be_right_is_refused_in_words(tmp_path, text, words):
    with pytest.raises(ConfigError, match=words):
        config.load(write(tmp_path, text), {})


def test_days_of_the_exchanges_calendar_are_closures_or_hours(tmp_path):
    settings = config.load(write(tmp_path, "calendar:\n  2027-03-12: closed\n  2027-11-24: 09:30 - 13:00\n"), {})
    assert settings.calendar == {date(2027, 3, 12): None, date(2027, 11, 24): (time(9, 30), time(13, 0))}


def test_an_empty_file_means_the_defaults(tmp_path):
    settings, default = config.load(write(tmp_path, ""), {}), config.Settings()
    assert (settings.source, settings.alerts, settings.schedule) == (default.source, default.alerts, default.schedule)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read"):
        config.load(tmp_path / "nowhere.yaml", {})


def test_python_tags_in_yaml_run_nothing(tmp_path):
    marker = tmp_path / "ran"
    path = write(tmp_path, f"source: !!python/object/apply:os.system ['touch {marker}']\n")
    with pytest.raises(ConfigError):
        config.load(path, {})
    assert not marker.exists()


@pytest.mark.parametrize(
    ("written", "premium"), [("25k", 25_000.0), ("1.5M", 1_500_000.0), ("25000", 25_000.0), ("0", 0.0)]
)
def test_the_least_premium_may_be_written_short(tmp_path: Path, written: str, premium: float) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"alerts: {{at_least: {{premium: {written}, lots: 50}}}}\n", "utf-8")
    settings = config.load(path)
    assert (settings.alerts.at_least.premium, settings.alerts.at_least.lots) == (premium, 50)


@pytest.mark.parametrize("written", ["25 thousand", "-1", "true", "k"])
def test_what_is_no_amount_is_told_with_its_line(tmp_path: Path, written: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"alerts:\n  at_least: {{premium: {written}}}\n", "utf-8")
    with pytest.raises(ConfigError, match=r"config.yaml:2: alerts.at_least.premium: .*such as 25000, 25k or 1.5M"):
        config.load(path)


def test_by_default_the_list_is_filled_and_no_discovery_is_asked_for() -> None:
    alerts = config.load(resources.default_config()).alerts
    assert (alerts.budget_per_session, alerts.at_least.lots, alerts.at_least.premium) == (20, 100, 0.0)
    assert alerts.false_discovery_rate is None
