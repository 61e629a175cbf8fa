"""The configuration: what is right is typed, what is wrong is named with its line and how to mend it."""

from __future__ import annotations

import os
from datetime import date, time, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import make_url

from scanner import config, shipped
from scanner.errors import ConfigError


def write(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, "utf-8")
    return path


def test_the_shipped_default_is_valid():
    settings = config.load(shipped.default_config(), {})
    assert settings.source == ("cboe",)
    assert settings.accept_terms == ()
    assert [job.name for job in settings.schedule] == ["intraday", "close", "confirm"]


def test_yaml_is_version_1_2_so_on_and_no_are_tickers(tmp_path):
    settings = config.load(write(tmp_path, "watchlists:\n  odd: [ON, NO, brk.b]\n"), {})
    assert settings.watchlists["odd"] == ("ON", "NO", "BRK.B")


def test_an_index_on_a_watchlist_may_carry_its_mark(tmp_path):
    settings = config.load(write(tmp_path, "watchlists:\n  indices: [^SPX, $VIX, _RUT]\n"), {})
    assert settings.watchlists["indices"] == ("SPX", "VIX", "RUT")


@pytest.mark.parametrize("spelling", ["BRK B", "brk/b", "BRK-B", "BRKB"])
def test_a_class_share_on_a_watchlist_is_one_in_every_spelling(tmp_path, spelling):
    settings = config.load(write(tmp_path, f"watchlists:\n  shares: [{spelling}, BRK.B]\n"), {})
    assert settings.watchlists["shares"] == ("BRK.B",)


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
    assert settings.outputs.notify[0].url.get_secret_value() == "https://example.test/s3cret"
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
        ("source: [files,\n  trader]\n", r"config.yaml:2: source.1: there is no source 'trader' in this .*: cboe "),
        ("source: cbeo\n", r"did you mean `cboe`\?"),
        (
            "calendar:\n  2027-03-12: shut\n",
            r"config.yaml:2: calendar.2027-03-12: 'shut': write `closed`, or the hours",
        ),
        ("calendar: {2027-11-26: 13:00-09:30}\n", "the session would close before it opens"),
        ("calendar: {tomorrow: closed}\n", "calendar.tomorrow: 'tomorrow' is not a date such as 2027"),
        ("accept_terms: [yahu]\n", "accept_terms.0: there is no source 'yahu' in this version"),
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


def refused(path: Path, environment: dict[str, str] | None = None) -> str:
    """What is said of a configuration that cannot be used; one line for each problem, each with the file."""
    with pytest.raises(ConfigError) as caught:
        config.load(path, environment or {})
    assert all(problem.startswith(str(path)) for problem in caught.value.problems)
    return "\n".join(problem.removeprefix(f"{path}:") for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &a {path: x}\nstore: {<<: *a}\n", "2: not YAML: merge keys (<<) are not read; write the keys out"),
        ("store: !!python/object:os.path {}\n", "1: not YAML: the tag tag:yaml.org,2002:python/object:os.path is not"),
        ("store: !mine {}\n", "1: not YAML: the tag"),
        ("source: cboe\n\nstore:\n  a: &a [*a]\n", "4: not YAML: the alias *a stands for nothing yet"),
        ("rules: " + "[" * 10_000 + "\n", "1: not YAML: nested deeper than 20 levels"),
        ("\nrules: " + "- " * 10_000 + "\n", "2: not YAML: "),
        (
            "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
            + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)),
            "not YAML: nested deeper than 20 levels or more than 10,000 values",
        ),
        ("%YAML 1.1\n---\nsource: no\n", "1: not YAML: directives (%YAML, %TAG) are not read; take the line out"),
        ("store:\n  path: a\n  path: b\n", "3: not YAML: 'path' is given twice"),
        ("store: {keep_snapshots: 9999999999d}\n", "1: store.keep_snapshots: '9999999999d' is not a duration"),
        ("store: {keep_snapshots: 999999999d}\n", "1: store.keep_snapshots: '999999999d' is longer than 99999d"),
        ("alerts:\n  budget_per_session: " + "9" * 5_000 + "\n", "2: not YAML: '9999"),
        ("alerts: {budget_per_session: 9999999999999}\n", "1: alerts.budget_per_session: should be less than or equal"),
        ("alerts: {false_discovery_rate: .nan}\n", "1: alerts.false_discovery_rate: "),
        ("alerts: {budget_per_session: .inf}\n", "1: alerts.budget_per_session: "),
        ("alerts: {cooldown: 99999999999999999999 sessions}\n", "1: alerts.cooldown: '99999999999999999999 "),
        ("store: {path: ~no-such-user/x}\n", "1: store.path: '~no-such-user/x': no such home folder is known"),
        ('rules: ["a\\0b"]\n', "1: rules.0: 'a\\x00b' is no path: it holds control characters"),
        ('events: "\\ud800"\n', "1: not YAML: found invalid Unicode character escape code"),
        ("source: cboe\nstore: {path: a\x1bb}\n", "2: not YAML: the control character U+001B may not stand in YAML"),
        ("source: a\0b\n", "1: not YAML: the control character U+0000 may not stand in YAML"),
        ('"\\e[31mEVIL\\e]0;x\\a": 1\n', "1: \N{REPLACEMENT CHARACTER}[31mEVIL\N{REPLACEMENT CHARACTER}]0;x"),
        ("- source\n", "1: expected keys such as `source:` and `watchlists:`, found a list"),
        ("just words\n", "1: expected keys such as `source:` and `watchlists:`, found a single value"),
        ("source: {a: " + "x" * 5_000 + "}\n", "1: source: "),
        ("\n" * 200_000, "1: not YAML: the file has more than 100,000 characters; split it"),
    ],
)  # fmt: skip
def test_text_of_any_shape_is_an_error_with_its_line_and_no_longer_than_a_screen(tmp_path, text, said):
    found = refused(write(tmp_path, text))
    assert said in found
    assert len(found) < 2_000
    assert found.replace("\n", "").isprintable()


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "utf-32"])
def test_another_encoding_is_named(tmp_path, encoding):
    path = tmp_path / "config.yaml"
    path.write_bytes("source: cboe # naïve\n".encode(encoding))
    assert "not UTF-8 text; save it as UTF-8" in refused(path)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    assert config.load(write(tmp_path, "\ufeffsource: files\n"), {}).source == ("files",)


def test_what_is_no_file_is_refused_at_once(tmp_path):
    """A pipe that nobody writes to would be waited for, for ever."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "it is a pipe or a device, not a file" in refused(pipe)
    assert "it is a folder, not a file" in refused(tmp_path)


def job_of(tmp_path: Path, *words: str) -> Path:
    lines = "\n".join(f"    {word}" for word in words)
    return write(tmp_path, f"watchlists: {{w: [KO]}}\nschedule:\n  - name: x\n    watchlist: w\n{lines}\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["every: 7h"], "3: schedule.0: `every` is longer than a session (6h 30m) and would never run"),
        (["every: 0m"], "3: schedule.0: `every` must be at least 1m"),
        (["every: 0"], "5: schedule.0.every: 0 is not a duration"),
        (["every: -5m"], "5: schedule.0.every: '-5m' is not a duration"),
        (["at: noon"], "5: schedule.0.at: 'noon' is no moment of a session; write open, close, open+30m"),
        (["at: 25:00"], "5: schedule.0.at: '25:00' is no moment of a session"),
        (["during: always"], "3: schedule.0: give one of `every`"),
        (["every: 15m", "at: close"], "3: schedule.0: give one of `every`"),
        (["at: close", "during: regular"], "3: schedule.0: `during` has no meaning beside `at`"),
        (["at: close+13h"], "5: schedule.0.at: 'close+13h' is more than 12 hours away"),
        (["cron: 1 2 3"], "5: schedule.0.cron: '1 2 3' has 3 fields; a crontab line has five"),
        (["cron: 61 * * * *"], "5: schedule.0.cron: '61 * * * *' is no crontab line"),
        (["cron: 0 9 1 * mon"], "5: schedule.0.cron: '0 9 1 * mon' names a day of the month and a weekday"),
        (["every: 15m", "time_limit: 0s"], "3: schedule.0: `time_limit` must be at least 1s"),
    ],
)
def test_a_job_that_would_never_run_is_an_error_with_its_line(tmp_path, words, said):
    assert said in refused(job_of(tmp_path, *words))


@pytest.mark.parametrize("words", [["every: 6h"], ["every: 48h", "during: always"], ["at: open"]])
def test_a_job_that_runs_is_taken(tmp_path, words):
    assert len(config.load(job_of(tmp_path, *words), {}).schedule) == 1


SECRET = "tok-4f9a-SECRET/with space"


@pytest.mark.parametrize(
    "text",
    [
        "source: ${KEY}\n",
        "source: [cboe, '${KEY}']\n",
        "accept_terms: ['${KEY}']\n",
        "watchlists: {w: ['${KEY}']}\n",
        "watchlists: {w: '${KEY}'}\n",
        "watchlists: '${KEY}'\n",
        "store: {keep_snapshots: '${KEY}'}\n",
        "store: {path: '~${KEY}'}\n",
        "store: ${KEY}\n",
        "schedule: ['${KEY}']\n",
        "watchlists: {w: [KO]}\nschedule: [{name: x, watchlist: '${KEY}', at: close}]\n",
        "watchlists: {w: [KO]}\nschedule: [{name: '${KEY}', watchlist: w, at: close}]\n",
        "watchlists: {w: [KO]}\nschedule: [{name: x, watchlist: w, at: '${KEY}'}]\n",
        "watchlists: {w: [KO]}\nschedule: [{name: x, watchlist: w, every: '${KEY}'}]\n",
        "alerts: {budget_per_session: '${KEY}'}\n",
        "alerts: {false_discovery_rate: 'x${KEY}'}\n",
        "alerts: {cooldown: '${KEY}'}\n",
        "pricing: {use_vendor_iv: '${KEY}'}\n",
        "calendar: {2027-03-12: '${KEY}'}\n",
        "outputs: {terminal: {min_severity: '${KEY}'}}\n",
        "outputs: {notify: '${KEY}'}\n",
        "outputs: {notify: [{url: 'json://a', watchlist: '${KEY}'}]}\n",
        "outputs: {notify: [{url: 'json://a', digest: '${KEY}'}]}\n",
        "outputs: {notify: [{url: 'json://a', quiet: '${KEY}'}]}\n",
        "outputs: {notify: [{url: 'json://a', name: 'x ${KEY}'}]}\n",
        "state: '${KEY}'\n",
        "watchlists: {w: [KO]}\nschedule: [{name: x, watchlist: w, cron: '${KEY}'}]\n",
        "outputs: {notify: [{url: '${KEY}'}]}\n",
        "outputs: {notify: ['${KEY}'], trminal: {}}\n",
    ],
)
def test_a_value_of_the_environment_is_in_no_error_whatever_key_it_stands_in(tmp_path, text):
    found = refused(write(tmp_path, text), {"KEY": SECRET})
    assert not any(part in found.lower() for part in ("4f9a", "tok-", "secret"))


def test_what_is_wrong_with_a_value_of_the_environment_is_said_of_its_name(tmp_path):
    path = write(tmp_path, "alerts:\n  cooldown: ${KEY}\n  budget_per_session: ${EMPTY}\n")
    assert refused(path, {"KEY": SECRET, "EMPTY": ""}).splitlines() == [
        "2: alerts.cooldown: '${KEY}' is not a cooldown; write a number of sessions, such as `1 session`",
        "3: alerts.budget_per_session: expected a whole number",
    ]


WORDS = [*shipped.default_config().read_text("utf-8").split(" "), "\nevents:", "${KEY}", "\ncalendar:", "{a: b}"]
ODDITIES = [
    "*a", "&a", "<<:", "!!set", "!!binary", "{", "}", "[", "]", "- ", "? ", ":", "\n", "\t", "'", '"', "|", ">", "#",
    "%", "\0", "\x1b", "\x85", "\u2028", "\u202e", "\ufeff", "\ud800", "~", "null", "1e999", "0x" + "f" * 99,
    "-0", "${KEY}", "1d", "…",
]  # fmt: skip


@given(st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_mangled_configuration_is_read_or_refused_and_never_anything_else(tmp_path, chance):
    words = list(WORDS)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(words))
        words[place : place + chance.randint(0, 3)] = chance.choices(ODDITIES, k=chance.randint(0, 3))
    path = tmp_path / "config.yaml"
    path.write_bytes(" ".join(words).encode("utf-8", "surrogatepass"))
    said: tuple[str, ...] = ()
    try:
        config.load(path, {"KEY": SECRET})
    except ConfigError as error:
        said = error.problems
    assert all(problem.startswith(str(path)) and "4f9a" not in problem for problem in said)


@pytest.mark.parametrize(
    ("written", "premium"), [("25k", 25_000.0), ("1.5M", 1_500_000.0), ("25000", 25_000.0), ("0", 0.0)]
)
def test_the_least_premium_may_be_written_short(tmp_path: Path, written: str, premium: float) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"alerts: {{at_least: {{premium: {written}, lots: 50}}}}\n", "utf-8")
    settings = config.load(path)
    assert (settings.alerts.at_least.premium, settings.alerts.at_least.lots) == (premium, 50)


@pytest.mark.parametrize("written", ["25 thousand", "-1", "true", "k", "1e400", ".inf", f"{10**305}M"])
def test_what_is_no_amount_is_told_with_its_line(tmp_path: Path, written: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"alerts:\n  at_least: {{premium: {written}}}\n", "utf-8")
    with pytest.raises(ConfigError, match=r"config.yaml:2: alerts.at_least.premium: .*such as 25000, 25k or 1.5M"):
        config.load(path)


def test_by_default_the_list_is_filled_and_no_discovery_is_asked_for() -> None:
    alerts = config.load(shipped.default_config()).alerts
    assert (alerts.budget_per_session, alerts.at_least.lots, alerts.at_least.premium) == (20, 50, 1000.0)
    assert alerts.false_discovery_rate is None


def test_what_is_said_of_a_vendor_reaches_its_source(tmp_path):
    (tmp_path / "config.yaml").write_text(
        "vendors:\n  tradier: {url: https://sandbox.tradier.com/v1, delay: 15m, calls_per_minute: 60}\n", "utf-8"
    )
    told = config.load(tmp_path / "config.yaml").for_sources()
    options = told.vendor_options("tradier")
    assert (options.url, options.delay, options.calls_per_minute) == (
        "https://sandbox.tradier.com/v1", timedelta(minutes=15), 60,
    )  # fmt: skip
    assert told.vendor_options("alpaca").url is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "vendors: {tradeir: {feed: opra}}\n",
            r"vendors.tradeir: there is no source 'tradeir'.* did you mean `tradier`",
        ),
        ("vendors: {alpaca: {feed: opera}}\n", r"vendors.alpaca.feed: 'opera' is not known; did you mean `opra`"),
        ("vendors: {alpaca: {fed: opra}}\n", r"vendors.alpaca.fed: unknown key; did you mean `feed`"),
        ("vendors: {alpaca: {calls_per_minute: 0}}\n", "should be greater than or equal to 1"),
        ("vendors: {alpaca: {delay: soon}}\n", "'soon' is not a duration"),
    ],
)
def test_what_is_wrong_of_a_vendor_is_told_with_its_place(tmp_path, text, words):
    (tmp_path / "config.yaml").write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=words):
        config.load(tmp_path / "config.yaml")


@pytest.mark.parametrize("password", ["plain", "a/b:c@d e#?", "100%", "a%2Fb"])
def test_a_password_out_of_the_environment_may_hold_what_a_url_may_not(tmp_path, password):
    """One that is written as URLs have it already stays as it is: sqlalchemy reads the last as ``a/b``."""
    path = tmp_path / "config.yaml"
    path.write_text('state: "postgresql://me:${PASSWORD}@host/data"\n', "utf-8")
    read = config.load(path, {"PASSWORD": password})
    url = make_url(read.state.get_secret_value())
    assert (url.username, url.host, url.database) == ("me", "host", "data")
    assert url.password == {"a%2Fb": "a/b"}.get(password, password)
