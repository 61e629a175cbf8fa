"""``config.yaml`` -> typed, frozen settings.

Every problem is reported at once, each as ``file:line: what is wrong; how to mend``. Secrets come from the environment
as ``${NAME}`` and are kept in :class:`pydantic.SecretStr`, which never prints itself. Relative paths are taken from the
folder of the file that names them, so that a scheduled job may start anywhere.
"""

from __future__ import annotations

import difflib
import os
import re
from datetime import date, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator

from scanner import resources
from scanner.errors import ConfigError
from scanner.sources.base import SOURCES, no_such_source

if TYPE_CHECKING:
    from collections.abc import Mapping

_DURATION = re.compile(r"^(\d+)\s*(s|m|h|d)$")
_DURATION_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_AMOUNT = re.compile(r"^(\d+(?:\.\d+)?)\s*([kKmM])$")
_AMOUNT_UNITS = {"k": 1_000.0, "m": 1_000_000.0}
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_CLOCK = r"((?:[01]\d|2[0-3]):[0-5]\d)"
_HOURS = re.compile(rf"^(?:closed|{_CLOCK}\s*-\s*{_CLOCK})$")
_SYMBOL = re.compile(r"^[A-Z0-9][A-Z0-9.\-/]{0,9}$")

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
        raise ValueError(f"{value!r} is not a duration; write a whole number and s, m, h or d, such as 15m or 400d")
    return timedelta(**{_DURATION_UNITS[match[2]]: int(match[1])})


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _symbol(value: object) -> object:
    if isinstance(value, str) and _SYMBOL.match(value.strip().upper()):
        return value.strip().upper()
    raise ValueError(f"{value!r} is not a ticker symbol")


def _day(value: object) -> object:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is not a date such as 2027-03-12") from None


def _hours(value: object) -> object:
    match = _HOURS.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r}: write `closed`, or the hours in New York, such as 09:30-13:00")
    opens, closes = (None if part is None else time.fromisoformat(part) for part in match.groups())
    if opens is not None and closes is not None and opens >= closes:
        raise ValueError(f"{value!r}: the session would close before it opens")
    return None if opens is None else (opens, closes)


def _source(value: object) -> object:
    if value in SOURCES:
        return value
    near = difflib.get_close_matches(str(value), SOURCES, n=1)
    raise ValueError(no_such_source(str(value)) + (f"; did you mean `{near[0]}`?" if near else ""))


def _cooldown(value: object) -> object:
    match = re.match(r"^(\d+)\s+sessions?$", value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a cooldown; write a number of sessions, such as `1 session`")
    return int(match[1])


def _amount(value: object) -> object:
    match = _AMOUNT.match(value.strip()) if isinstance(value, str) else None
    if match is not None:
        return float(match[1]) * _AMOUNT_UNITS[match[2].lower()]
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError(f"{value!r} is not an amount; write a number of 0 or more, such as 25000, 25k or 1.5M")


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Symbol = Annotated[str, BeforeValidator(_symbol)]
Day = Annotated[date, BeforeValidator(_day)]
Hours = Annotated[tuple[time, time] | None, BeforeValidator(_hours)]
Amount = Annotated[float, BeforeValidator(_amount)]
SourceName = Annotated[str, BeforeValidator(_source)]
SeverityName = Literal["info", "notice", "high", "critical"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StoreSettings(_Section):
    """Where history is kept, and for how long."""

    path: Path = Path("~/.local/share/scanner")
    keep_snapshots: Duration = timedelta(days=400)


class Job(_Section):
    """One scheduled job: a scan (or confirmation) of a watchlist, at an interval or at a fixed moment of the day."""

    name: str = Field(min_length=1)
    watchlist: str
    task: Literal["scan", "confirm"] = "scan"
    every: Duration | None = None
    during: Literal["regular", "always"] = "regular"
    at: Literal["open", "close"] | None = None

    @model_validator(mode="after")
    def _one_trigger(self) -> Job:
        if (self.every is None) == (self.at is None):
            raise ValueError("give either `every` (such as 15m) or `at` (open or close), not both and not neither")
        if self.every is not None and self.every < timedelta(minutes=1):
            raise ValueError("`every` must be at least 1m")
        return self


class AtLeast(_Section):
    """How large a story must be to be told: dollars of premium (25k is 25,000) and lots."""

    premium: Amount = 0.0
    lots: Annotated[int, BeforeValidator(_amount)] = Field(default=100, ge=0)


class AlertSettings(_Section):
    """How findings become alerts."""

    budget_per_session: int = Field(default=20, ge=1)
    at_least: AtLeast = AtLeast()
    false_discovery_rate: float | None = Field(default=None, gt=0, lt=1)
    cooldown: Annotated[int, BeforeValidator(_cooldown)] = 1


class PricingSettings(_Section):
    """How options are priced."""

    use_vendor_iv: bool = False
    curve: Path | None = None


class TerminalOutput(_Section):
    """What is printed."""

    min_severity: SeverityName = "notice"


class WatchlistOutput(_Section):
    """The CSV watchlist that each scan writes."""

    path: Path = Path("watchlists")
    dialect: Literal["generic", "tradingview", "thinkorswim", "ibkr"] = "generic"


class Outputs(_Section):
    """Where alerts go, apart from the store."""

    terminal: TerminalOutput = TerminalOutput()
    watchlist: WatchlistOutput | None = None
    notify: tuple[SecretStr, ...] = ()


class Settings(_Section):
    """The whole configuration."""

    source: Annotated[tuple[SourceName, ...], BeforeValidator(_listed), Field(min_length=1)] = ("cboe",)
    accept_terms: tuple[SourceName, ...] = ()
    path: Path | None = None
    watchlists: dict[str, tuple[Symbol, ...]] = {}
    store: StoreSettings = StoreSettings()
    schedule: tuple[Job, ...] = ()
    alerts: AlertSettings = AlertSettings()
    pricing: PricingSettings = PricingSettings()
    rules: tuple[Path, ...] = ()
    events: Path | None = None
    calendar: dict[Day, Hours] = {}
    outputs: Outputs = Outputs()

    @model_validator(mode="after")
    def _jobs_name_watchlists(self) -> Settings:
        for job in self.schedule:
            if job.watchlist not in self.watchlists:
                raise ValueError(
                    f"schedule: job {job.name!r} names the watchlist {job.watchlist!r}, which is not there; "
                    f"there are: {', '.join(sorted(self.watchlists)) or 'none'}"
                )
        names = [job.name for job in self.schedule]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"schedule: two jobs are called {doubled[0]!r}; each needs a name of its own")
        return self


def find(named: Path | None) -> Path:
    """The configuration file to use: the one named, else ``./config.yaml``, else the built-in default."""
    if named is not None:
        return named
    here = Path("config.yaml")
    return here if here.is_file() else resources.default_config()


def load(named: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the configuration. Raises ConfigError with every problem, each with file and line."""
    path = find(named)
    environment = os.environ if environment is None else environment
    document, positions = _read(path)
    missing: list[tuple[Location, str]] = []
    data = _substitute(document, (), environment, missing)
    problems = [
        f"{path}:{_line(at, positions)}: {_dotted(at)}: the environment variable {name} is not set; "
        f"set it (export {name}=...) or take the line out"
        for at, name in missing
    ]
    folder = Path() if path == resources.default_config() else path.parent
    try:
        settings = Settings.model_validate(data)
    except ValidationError as error:
        problems += [_sentence(path, positions, item, data) for item in error.errors()]
    if problems:
        raise ConfigError(sorted(set(problems), key=_by_line))
    return _anchored(settings, folder)


def _read(path: Path) -> tuple[dict[str, Any], dict[Location, int]]:
    """The file as plain data, and the line (from 1) of every key and item in it."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigError([f"{path}: cannot be read ({reason}); give another file with --config FILE"]) from error
    try:
        document = YAML(typ="rt", pure=True).load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError([f"{path}:{line}: not YAML: {error.problem or error.context}"]) from error
    except (YAMLError, ValueError) as error:
        raise ConfigError([f"{path}: not YAML: {error}"]) from error
    positions: dict[Location, int] = {}
    data = _plain(document, (), positions)
    if data is None:
        return {}, positions
    if not isinstance(data, dict):
        raise ConfigError(
            [f"{path}:1: expected keys such as `source:` and `watchlists:`, found a {type(data).__name__}"]
        )
    return data, positions


def _plain(node: Any, at: Location, positions: dict[Location, int]) -> Any:
    """Plain dicts, lists and scalars; fills ``positions`` on the way."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    if isinstance(node, CommentedMap):
        for key in node:
            positions[(*at, str(key))] = node.lc.key(key)[0] + 1
        return {str(key): _plain(value, (*at, str(key)), positions) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        for index in range(len(node)):
            # A tagged sequence has no positions; the line of what holds it will do.
            if node.lc.item(index) is not None:
                positions[(*at, index)] = node.lc.item(index)[0] + 1
        return [_plain(value, (*at, index), positions) for index, value in enumerate(node)]
    if isinstance(node, bool) or node is None:
        return node
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _substitute(node: Any, at: Location, environment: Mapping[str, str], missing: list[tuple[Location, str]]) -> Any:
    """Put the environment's values in the place of ``${NAME}``; collects the places of those that are not set."""
    if isinstance(node, dict):
        return {key: _substitute(value, (*at, key), environment, missing) for key, value in node.items()}
    if isinstance(node, list):
        return [_substitute(value, (*at, index), environment, missing) for index, value in enumerate(node)]
    if not isinstance(node, str):
        return node
    missing += [(at, name) for name in _VARIABLE.findall(node) if name not in environment]
    return _VARIABLE.sub(lambda match: environment.get(match[1], ""), node)


def _line(at: Location, positions: dict[Location, int]) -> int:
    """The line of a place in the file, or of the nearest thing around it that has one."""
    while at and at not in positions:
        at = at[:-1]
    return positions.get(at, 1)


def _dotted(at: Location) -> str:
    return ".".join(str(part) for part in at) or "configuration"


def _sentence(path: Path, positions: dict[Location, int], item: Any, data: Any) -> str:
    """One problem that pydantic found, as ``file:line: key: what is wrong; how to mend``."""
    at: Location = tuple(part for part in item["loc"] if part != "[key]")
    place = f"{path}:{_line(at, positions)}: {_dotted(at)}"
    if item["type"] == "extra_forbidden":
        known = sorted(_section_fields(at[:-1]))
        near = difflib.get_close_matches(str(at[-1]), known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
        return f"{place}: unknown key; {hint}"
    if item["type"] == "literal_error":
        wanted = item["ctx"]["expected"]
        near = difflib.get_close_matches(str(item["input"]), re.findall(r"'([^']+)'", wanted), n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"expected {wanted}"
        return f"{place}: {item['input']!r} is not known; {hint}"
    if item["type"] in _EXPECTED:
        return f"{place}: expected {_EXPECTED[item['type']]}"
    return f"{place}: {item['msg'].removeprefix('Value error, ').replace('Input should be', 'should be')}"


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
        return None if path is None else folder / path.expanduser()

    watchlist = settings.outputs.watchlist
    outputs = settings.outputs
    if watchlist is not None:
        outputs = outputs.model_copy(
            update={"watchlist": watchlist.model_copy(update={"path": anchor(watchlist.path)})}
        )
    return settings.model_copy(
        update={
            "store": settings.store.model_copy(update={"path": anchor(settings.store.path)}),
            "rules": tuple(folder / path.expanduser() for path in settings.rules),
            "events": anchor(settings.events),
            "pricing": settings.pricing.model_copy(update={"curve": anchor(settings.pricing.curve)}),
            "path": anchor(settings.path),
            "outputs": outputs,
        }
    )
