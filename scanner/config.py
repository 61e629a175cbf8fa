"""``config.yaml`` -> typed, frozen settings.

Every problem is reported at once, each as ``file:line: what is wrong; how to mend``. Secrets come from the environment
as ``${NAME}`` and are kept in :class:`pydantic.SecretStr`, which never prints itself; what is wrong with one is said of
``${NAME}``, never of its value. Relative paths are taken from the folder of the file that names them, so that a
scheduled job may start anywhere.
"""

from __future__ import annotations

import difflib
import logging
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from scanner import crontab, document, shipped
from scanner.alerts.routing import Route
from scanner.document import DocumentError, EmptyError, Listing, Scalar, Table, UnreadableError, Value
from scanner.errors import ConfigError, UsageError
from scanner.market import symbology, universes
from scanner.market.calendar import Calendar, known_day
from scanner.market.moments import During, Moment
from scanner.outputs.exports.registry import GENERIC, export_of
from scanner.outputs.text import printable
from scanner.severity import Severity
from scanner.sources.base import SourceSettings, VendorOptions
from scanner.sources.registry import vendor_of

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)
# Beside the store: how often each vendor was asked.
PACE_FILE = "vendors.sqlite"
_DURATION = re.compile(r"^(\d{1,9})\s*(s|m|h|d)$")
_LONGEST_DURATION = timedelta(days=99_999)
_COOLDOWN = re.compile(r"^(\d{1,4})\s+sessions?$")
# From 09:30 to 16:00. Half days are shorter: an interval that fits a whole session only has no run on them.
_WHOLE_SESSION = timedelta(hours=6, minutes=30)
_LONGEST_SHOWN = 60
_DURATION_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_AMOUNT = re.compile(r"^(\d+(?:\.\d+)?)\s*([kKmM])$")
_AMOUNT_UNITS = {"k": 1_000.0, "m": 1_000_000.0}
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_CLOCK = r"((?:[01]\d|2[0-3]):[0-5]\d)"
_HOURS = re.compile(rf"^(?:closed|{_CLOCK}\s*-\s*{_CLOCK})$")
_DATABASE = re.compile(r"^postgresql(\+psycopg)?://\S+$")
_SPAN = re.compile(rf"^{_CLOCK}\s*-\s*{_CLOCK}$")
_SYMBOL = re.compile(r"^[$^_]?[A-Z0-9][A-Z0-9.\-/]{0,9}$")

# What pydantic tells in Python's words, in those of the file.
_SECTION = "keys and values, such as `key: value`"
_EXPECTED = {
    "tuple_type": "a list, such as [one, two]",
    "too_short": "at least one item",
    "dict_type": _SECTION,
    "model_type": _SECTION,
    "string_type": "text",
    "string_too_short": "text that is not empty",
    "path_type": "a path",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "missing": "a value; this key may not be left out",
}

Location = tuple[str | int, ...]


def _duration(value: object) -> object:
    match = _DURATION.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(
            f"{_shown(value)} is not a duration; write a whole number and s, m, h or d, such as 15m or 400d"
        )
    duration = timedelta(**{_DURATION_UNITS[match[2]]: int(match[1])})
    if duration > _LONGEST_DURATION:
        raise ValueError(f"{_shown(value)} is longer than {_LONGEST_DURATION.days}d")
    return duration


def _shown(value: object) -> str:
    """A value as an error shows it: on one line, and not at any length."""
    said = repr(value)
    return said if len(said) <= _LONGEST_SHOWN else f"{said[:_LONGEST_SHOWN]}..."


def _usable_path(path: Path) -> Path:
    """A path that can be asked for, ``~`` spelled out. Raises ValueError for what no file system takes."""
    text = str(path)
    try:
        os.fsencode(text)
    except ValueError:
        raise ValueError(f"{_shown(text)} is no path: it holds characters that no file name may have") from None
    if not text.isprintable():
        raise ValueError(f"{_shown(text)} is no path: it holds control characters; take them out")
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError(f"{_shown(text)}: no such home folder is known; write the whole path") from None


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _symbol(value: object) -> object:
    if isinstance(value, str) and _SYMBOL.match(symbology.ticker(value)):
        return symbology.ticker(value)
    mend = "" if isinstance(value, str) else "; write one that YAML takes for something else in quotes, such as 'TRUE'"
    raise ValueError(f"{_shown(value)} is not a ticker symbol{mend}")


def _day(value: object) -> object:
    try:
        day = date.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"{_shown(value)} is not a date such as 2027-03-12") from None
    return known_day(day)


def _hours(value: object) -> object:
    match = _HOURS.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{_shown(value)}: write `closed`, or the hours in New York, such as 09:30-13:00")
    opens, closes = (None if part is None else time.fromisoformat(part) for part in match.groups())
    if opens is not None and closes is not None and opens >= closes:
        raise ValueError(f"{_shown(value)}: the session would close before it opens")
    return None if opens is None else (opens, closes)


def _source(value: object) -> object:
    try:
        return vendor_of(str(value)[:_LONGEST_SHOWN]).name
    except UsageError as error:
        raise ValueError(str(error)) from error


def _exported(dialect: object = GENERIC, form: object = None) -> None:
    try:
        export_of(str(dialect)[:_LONGEST_SHOWN], None if form is None else str(form)[:_LONGEST_SHOWN])
    except UsageError as error:
        raise ValueError(str(error)) from error


def _dialect(value: object) -> object:
    _exported(value)
    return value


def _format(value: object) -> object:
    _exported(form=value)
    return value


def _cooldown(value: object) -> object:
    match = _COOLDOWN.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{_shown(value)} is not a cooldown; write a number of sessions, such as `1 session`")
    return int(match[1])


def _amount(value: object) -> object:
    match = _AMOUNT.match(value.strip()) if isinstance(value, str) else None
    if match is not None and math.isfinite(amount := float(match[1]) * _AMOUNT_UNITS[match[2].lower()]):
        return amount
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf:
        return value
    raise ValueError(f"{value!r} is not an amount; write a number of 0 or more, such as 25000, 25k or 1.5M")


def _database(value: SecretStr) -> SecretStr:
    if not _DATABASE.match(value.get_secret_value()):
        raise ValueError(
            "expected the URL of a PostgreSQL database, such as postgresql://scanner:${NAME}@host/scanner; leave the "
            "key out for a file beside the store"
        )
    return value


def _address(value: object) -> object:
    return {"url": value} if isinstance(value, str | SecretStr) else value


def _digest(value: object) -> object:
    if value in ("close", "morning", None):
        return value
    try:
        gathered = _duration(value)
    except ValueError:
        gathered = None
    if not isinstance(gathered, timedelta) or not timedelta(minutes=1) <= gathered <= timedelta(days=1):
        raise ValueError(f"{_shown(value)}: write how long messages are gathered, such as 30m, or close, or morning")
    return gathered


def _quiet(value: object) -> object:
    match = _SPAN.match(value.strip()) if isinstance(value, str) else None
    if match is None or match[1] == match[2]:
        raise ValueError(f"{_shown(value)}: write the quiet hours in New York, such as 22:00-08:00")
    return tuple(time.fromisoformat(part) for part in match.groups())


def _moment(value: str) -> str:
    Moment.parse(value)
    return value


def _crontab(value: str) -> str:
    crontab.trigger(value)
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Symbol = Annotated[str, BeforeValidator(_symbol)]
Symbols = Annotated[tuple[Symbol, ...], AfterValidator(symbology.each_once)]
Day = Annotated[date, BeforeValidator(_day)]
UsablePath = Annotated[Path, AfterValidator(_usable_path)]
Hours = Annotated[tuple[time, time] | None, BeforeValidator(_hours)]
Amount = Annotated[float, BeforeValidator(_amount)]
DialectName = Annotated[str, BeforeValidator(_dialect)]
FormatName = Annotated[str, BeforeValidator(_format)]
SourceName = Annotated[str, BeforeValidator(_source)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StoreSettings(_Section):
    """Where history is kept, and for how long."""

    path: UsablePath = Path("~/.local/share/scanner")
    keep_snapshots: Duration = timedelta(days=400)
    keep_alerts: Duration = timedelta(days=1_100)
    keep_records: Duration = timedelta(days=90)


class Job(_Section):
    """One scheduled job: a scan (or confirmation) of a watchlist, at an interval or at a fixed moment of the day."""

    name: str = Field(min_length=1, max_length=128)
    watchlist: str
    task: Literal["scan", "confirm"] = "scan"
    every: Duration | None = None
    at: Annotated[str, AfterValidator(_moment)] | None = None
    cron: Annotated[str, AfterValidator(_crontab)] | None = None
    during: During | None = None
    time_limit: Duration | None = None
    symbol_time_limit: Duration = timedelta(minutes=1)

    @property
    def hours(self) -> During:
        """The hours the job keeps to: those it names, else the regular ones; a cron job names its times itself."""
        return self.during or ("always" if self.cron is not None else "regular")

    @property
    def longest(self) -> timedelta:
        """How long fetching may take: the limit it names, else until the next run of ``every``, at most 15 minutes."""
        usual = timedelta(minutes=15)
        return self.time_limit or (usual if self.every is None else min(usual, self.every))

    @model_validator(mode="after")
    def _one_trigger(self) -> Job:
        if sum(given is not None for given in (self.every, self.at, self.cron)) != 1:
            raise ValueError(
                "give one of `every` (such as 15m), `at` (such as close, open+30m or 09:45) and `cron` (a crontab "
                "line), not several and not none"
            )
        if self.every is not None and self.every < timedelta(minutes=1):
            raise ValueError("`every` must be at least 1m")
        if self.every is not None and self.every > _WHOLE_SESSION and self.hours == "regular":
            raise ValueError(
                "`every` is longer than a session (6h 30m) and would never run; write a shorter one, `at: close`, or "
                "`during: always`"
            )
        if self.at is not None and self.during is not None:
            raise ValueError("`during` has no meaning beside `at`: such a job runs once a session; take it out")
        for name in ("time_limit", "symbol_time_limit"):
            if (limit := getattr(self, name)) is not None and limit < timedelta(seconds=1):
                raise ValueError(f"`{name}` must be at least 1s")
        return self


class AtLeast(_Section):
    """How large a story must be to be told: dollars of premium (25k is 25,000) and lots."""

    premium: Amount = 1_000.0
    lots: Annotated[int, BeforeValidator(_amount)] = Field(default=50, ge=0)


class AlertSettings(_Section):
    """How findings become alerts."""

    budget_per_session: int = Field(default=20, ge=1, le=1_000_000)
    at_least: AtLeast = AtLeast()
    false_discovery_rate: float | None = Field(default=None, gt=0, lt=1)
    cooldown: Annotated[int, BeforeValidator(_cooldown)] = 1


class PricingSettings(_Section):
    """How options are priced."""

    use_vendor_iv: bool = False
    curve: UsablePath | None = None


class TerminalOutput(_Section):
    """What is printed."""

    min_severity: Severity = Severity.notice


class WatchlistOutput(_Section):
    """The watchlist that each scan writes."""

    path: UsablePath = Path("watchlists")
    dialect: DialectName = GENERIC
    format: FormatName | None = None

    @model_validator(mode="after")
    def _together(self) -> WatchlistOutput:
        _exported(self.dialect, self.format)
        return self


class Notify(_Section):
    """One address that is told of alerts: which, and when."""

    url: SecretStr
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")] | None = None
    min_severity: Severity = Severity.notice
    min_stars: Annotated[int, Field(ge=1, le=5)] | None = None
    watchlist: str | None = None
    digest: Annotated[timedelta | Literal["close", "morning"] | None, BeforeValidator(_digest)] = None
    quiet: Annotated[tuple[time, time] | None, BeforeValidator(_quiet)] = None
    most_an_hour: Annotated[int, Field(ge=1, le=1000)] = 10


class Outputs(_Section):
    """Where alerts go, apart from the store."""

    terminal: TerminalOutput = TerminalOutput()
    watchlist: WatchlistOutput | None = None
    notify: tuple[Annotated[Notify, BeforeValidator(_address)], ...] = ()


class VendorSettings(_Section):
    """What the user says of one vendor, in place of what the register of vendors says."""

    url: str | None = Field(default=None, max_length=500)
    feed: Literal["indicative", "opra", "delayed", "realtime"] | None = None
    calls_per_minute: int | None = Field(default=None, ge=1, le=1_000_000)
    calls_per_day: int | None = Field(default=None, ge=1, le=1_000_000_000)
    at_once: int | None = Field(default=None, ge=1, le=64)
    delay: Duration | None = None
    longest_scan: Duration = timedelta(minutes=10)


class Settings(_Section):
    """The whole configuration."""

    source: Annotated[tuple[SourceName, ...], BeforeValidator(_listed), Field(min_length=1)] = ("cboe",)
    accept_terms: tuple[SourceName, ...] = ()
    vendors: dict[SourceName, VendorSettings] = {}
    path: UsablePath | None = None
    watchlists: dict[str, Symbols] = {}
    store: StoreSettings = StoreSettings()
    state: Annotated[SecretStr, AfterValidator(_database)] | None = None
    schedule: tuple[Job, ...] = ()
    alerts: AlertSettings = AlertSettings()
    pricing: PricingSettings = PricingSettings()
    rules: tuple[UsablePath, ...] = ()
    events: UsablePath | None = None
    calendar: dict[Day, Hours] = {}
    outputs: Outputs = Outputs()

    def for_sources(self, record_to: Path | None = None) -> SourceSettings:
        """What opening a source needs to know of all this; bodies are kept verbatim in ``record_to``."""
        told = {name: VendorOptions(**dict(vendor)) for name, vendor in self.vendors.items()}
        return SourceSettings(self.path, told, self.store.path / PACE_FILE, record_to)

    @property
    def routes(self) -> tuple[Route, ...]:
        """Who is told of what, by the outputs' names: those they were given, else their kind and place in the list."""
        return tuple(
            Route(
                name_of(place, address),
                address.min_severity,
                address.min_stars,
                None if address.watchlist is None else frozenset(self.watchlists[address.watchlist]),
                address.digest,
                address.quiet,
                address.most_an_hour,
            )
            for place, address in enumerate(self.outputs.notify, 1)
        )

    @property
    def exchange_calendar(self) -> Calendar:
        """The exchange's calendar with the days that ``calendar:`` has otherwise; made once and handed down."""
        return _calendar_with(tuple(self.calendar.items()))


def name_of(place: int, address: Notify) -> str:
    """What an output is called: its own name, else its kind and place (``mailtos-2``), and nothing of its address."""
    kind = address.url.get_secret_value().partition("://")[0]
    return address.name or f"{kind}-{place}"


# Kept beside the settings, not in them: a copy of settings with other days would take the calendar along.
@lru_cache(maxsize=16)
def _calendar_with(changes: tuple[tuple[date, tuple[time, time] | None], ...]) -> Calendar:
    return Calendar.standard().amended(dict(changes))


def find(named: Path | None) -> Path:
    """The configuration file to use: the one named, else ``./config.yaml``, else the built-in default."""
    if named is not None:
        return named
    here = Path("config.yaml")
    return here if here.is_file() else shipped.default_config()


def load(named: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the configuration. Raises ConfigError with every problem, each with file and line."""
    path = find(named)
    written = _read(path)
    missing: list[tuple[Location, str]] = []
    told: dict[Location, str] = {}
    data = _substitute(written.data, (), os.environ if environment is None else environment, missing, told)
    of_lists = _read_lists(data, path.parent, written)
    problems = of_lists + [
        f"{written.place(at)}: the environment variable {name} is not set; "
        f"set it (export {name}=...) or take the line out"
        for at, name in missing
    ]
    try:
        settings = Settings.model_validate(data)
        problems += [*_crossed(settings, written, told), *_addressed(settings, written, told)]
    except ValidationError as error:
        problems += _refused(error, written, told)
    if problems:
        raise ConfigError(sorted(set(problems), key=_by_line))
    return _anchored(settings, Path() if path == shipped.default_config() else path.parent)


def _read_lists(data: dict[str, Any], folder: Path, written: _Written) -> list[str]:
    """Put names in the place of ``@NAME`` in watchlists; returns what is wrong with those that cannot be read."""
    lists = data.get("watchlists")
    problems: list[str] = []
    if not isinstance(lists, dict):
        return problems
    for key, value in lists.items():
        entries = [value] if isinstance(value, str) and value.startswith("@") else value
        if not isinstance(entries, list):
            continue
        names: list[Any] = []
        for entry in entries:
            try:
                names += [entry] if not _is_named(entry) else _told(universes.named(entry, folder))
            except UsageError as error:
                problems.append(f"{written.place(('watchlists', key))}: {error}")
        lists[key] = names
    return problems


def _is_named(entry: object) -> bool:
    return isinstance(entry, str) and entry.startswith("@")


def _told(found: universes.Universe) -> tuple[str, ...]:
    for sentence in found.left_out:
        log.info("%s", sentence)
    return found.symbols


@dataclass(frozen=True)
class _Written:
    """A configuration as it stands in its file: plain data, and the line (from 1) of every key and item in it."""

    path: Path
    data: dict[str, Any]
    lines: Mapping[Location, int]

    def place(self, at: Location) -> str:
        """``file:line: key`` of a place, or of the nearest thing around it that has a line."""
        key = printable(".".join(str(part)[:_LONGEST_SHOWN] for part in at)) or "configuration"
        while at and at not in self.lines:
            at = at[:-1]
        return f"{self.path}:{self.lines.get(at, 1)}: {key}"


def _read(path: Path) -> _Written:
    lines: dict[Location, int] = {}
    try:
        read = document.read(path)
    except EmptyError:
        return _Written(path, {}, lines)
    except UnreadableError as error:
        line = f":{error.place.line}" if error.place.line > 1 else ""
        raise ConfigError([f"{path}{line}: {error}; give another file with --config FILE"]) from error
    except DocumentError as error:
        said = str(error).removeprefix("not valid YAML: ")
        raise ConfigError([f"{path}:{error.place.line}: not YAML: {said}"]) from error
    if isinstance(read, Scalar) and read.value is None:
        return _Written(path, {}, lines)
    if not isinstance(read, Table):
        found = "a list" if isinstance(read, Listing) else "a single value"
        raise ConfigError(
            [f"{path}:{read.place.line}: expected keys such as `source:` and `watchlists:`, found {found}"]
        )
    return _Written(path, _plain(read, (), lines), lines)


def _plain(value: Value, at: Location, lines: dict[Location, int]) -> Any:
    """Plain dicts, lists and scalars; fills ``lines`` on the way."""
    if isinstance(value, Table):
        lines.update({(*at, key): place.line for key, place in value.keys.items()})
        return {key: _plain(entry, (*at, key), lines) for key, entry in value.entries.items()}
    if isinstance(value, Listing):
        lines.update({(*at, index): item.place.line for index, item in enumerate(value.items)})
        return [_plain(item, (*at, index), lines) for index, item in enumerate(value.items)]
    return value.value


def _substitute(
    node: Any,
    at: Location,
    environment: Mapping[str, str],
    missing: list[tuple[Location, str]],
    told: dict[Location, str],
) -> Any:
    """Put the environment's values in the place of ``${NAME}``.

    Collects the places of those that are not set (``missing``), and what was written where others stand now (``told``).
    """
    if isinstance(node, dict):
        return {key: _substitute(value, (*at, key), environment, missing, told) for key, value in node.items()}
    if isinstance(node, list):
        return [_substitute(value, (*at, index), environment, missing, told) for index, value in enumerate(node)]
    if not isinstance(node, str) or not _VARIABLE.search(node):
        return node
    told[at] = node
    missing += [(at, name) for name in _VARIABLE.findall(node) if name not in environment]
    return _VARIABLE.sub(lambda match: environment.get(match[1], ""), node)


def _refused(error: ValidationError, written: _Written, told: Mapping[Location, str]) -> list[str]:
    """What pydantic found, in sentences; where a value came from the environment, in words that do not hold it."""
    spoken: dict[Location, str] = {}
    if told:
        # The same again with the names in place of the values: what is wrong with `${NAME}` is said of the name.
        try:
            Settings.model_validate(written.data)
        except ValidationError as unsubstituted:
            spoken = {_location(item): _sentence(written, item) for item in unsubstituted.errors()}
    sentences = []
    for item in error.errors():
        at = _location(item)
        # `source: ${NAME}` is read as a list of one, and what is wrong is said of its item.
        names = next((told[at[:depth]] for depth in range(len(at), -1, -1) if at[:depth] in told), None)
        if names is None:
            sentences.append(_sentence(written, item))
        else:
            of_the_value = f"{written.place(at)}: what {_shown(names)} stands for cannot be used here"
            sentences.append(spoken.get(at, of_the_value))
    return sentences


def _location(item: Any) -> Location:
    return tuple(part for part in item["loc"] if part != "[key]")


def _sentence(written: _Written, item: Any) -> str:
    """One problem that pydantic found, as ``file:line: key: what is wrong; how to mend``."""
    at = _location(item)
    place = written.place(at)
    if item["type"] == "extra_forbidden":
        known = sorted(_section_fields(at[:-1]))
        near = difflib.get_close_matches(str(at[-1])[:_LONGEST_SHOWN], known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
        return f"{place}: unknown key; {hint}"
    if item["type"] in ("literal_error", "enum"):
        wanted = item["ctx"]["expected"]
        said = str(item["input"])[:_LONGEST_SHOWN]
        near = difflib.get_close_matches(said, re.findall(r"'([^']+)'", wanted), n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"expected {wanted}"
        return f"{place}: {_shown(item['input'])} is not known; {hint}"
    if item["type"] in _EXPECTED:
        return f"{place}: expected {_EXPECTED[item['type']]}"
    return f"{place}: {item['msg'].removeprefix('Value error, ').replace('Input should be', 'should be')}"


def _crossed(settings: Settings, written: _Written, told: Mapping[Location, str]) -> Iterator[str]:
    """What is wrong between sections that are right by themselves."""
    there = ", ".join(sorted(settings.watchlists)) or "none"
    names: set[str] = set()
    for number, job in enumerate(settings.schedule):
        at: Location = ("schedule", number, "name")
        if at in told:
            yield f"{written.place(at)}: a name is printed, so it cannot come from the environment; write it out"
            continue
        if job.name in names:
            yield f"{written.place(at)}: two jobs are called {_shown(job.name)}; each needs a name of its own"
        names.add(job.name)
        at = ("schedule", number, "watchlist")
        if job.watchlist not in settings.watchlists:
            wanted = _shown(told.get(at, job.watchlist))
            yield (
                f"{written.place(at)}: job {_shown(job.name)} names the watchlist {wanted}, which is not there; "
                f"there are: {there}"
            )


def _addressed(settings: Settings, written: _Written, told: Mapping[Location, str]) -> Iterator[str]:
    """What is wrong with the addresses for messages, beside what each says by itself."""
    names: set[str] = set()
    for number, address in enumerate(settings.outputs.notify):
        at: Location = ("outputs", "notify", number)
        if "://" not in address.url.get_secret_value():
            yield f"{written.place(at)}: not an address such as ntfys://ntfy.sh/my-topic; docs/running.md has more"
        if address.watchlist is not None and address.watchlist not in settings.watchlists:
            there = ", ".join(sorted(settings.watchlists)) or "none"
            wanted = _shown(told.get((*at, "watchlist"), address.watchlist))
            yield f"{written.place(at)}: the watchlist {wanted} is not there; there are: {there}"
        name = name_of(number + 1, address)
        if name in names:
            yield f"{written.place(at)}: two outputs are called {_shown(name)}; each needs a name of its own"
        names.add(name)


def _by_line(problem: str) -> tuple[int, str]:
    line = re.search(r":(\d+): ", problem)
    return (int(line[1]) if line else 0, problem)


def _section_fields(at: Location) -> set[str]:
    """The keys that may stand in a section of the configuration."""
    section: type[BaseModel] = Settings
    for part in at:
        if part == "schedule":
            section = Job
        elif isinstance(part, str) and part in section.model_fields:
            annotation = section.model_fields[part].annotation
            for candidate in (annotation, *getattr(annotation, "__args__", ())):
                if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                    section = candidate
    return set(section.model_fields)


def _anchored(settings: Settings, folder: Path) -> Settings:
    """The same settings with every relative path taken from ``folder``, and ``~`` spelled out."""

    def anchor(path: Path | None) -> Path | None:
        if path is None:
            return None
        try:
            return folder / path.expanduser()
        except RuntimeError:
            # The default, where no home folder is known; whoever opens it says so.
            return path

    watchlist = settings.outputs.watchlist
    outputs = settings.outputs
    if watchlist is not None:
        outputs = outputs.model_copy(
            update={"watchlist": watchlist.model_copy(update={"path": anchor(watchlist.path)})}
        )
    return settings.model_copy(
        update={
            "store": settings.store.model_copy(update={"path": anchor(settings.store.path)}),
            "rules": tuple(folder / path for path in settings.rules),
            "events": anchor(settings.events),
            "pricing": settings.pricing.model_copy(update={"curve": anchor(settings.pricing.curve)}),
            "path": anchor(settings.path),
            "outputs": outputs,
        }
    )
