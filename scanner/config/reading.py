"""The file ``config.yaml`` -> settings, or every problem in it."""

from __future__ import annotations

import difflib
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from scanner import document, shipped
from scanner.config.settings import Job, Settings, name_of
from scanner.config.values import LONGEST_SHOWN, shown
from scanner.document import DocumentError, EmptyError, Listing, Scalar, Table, UnreadableError, Value
from scanner.errors import ConfigError, UsageError
from scanner.market import universes
from scanner.outputs.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_BEFORE_A_PASSWORD = re.compile(r"://[^/@\s]*:$")
# What may stand in a URL's password as it is.
_OF_A_URL = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*")

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
        key = printable(".".join(str(part)[:LONGEST_SHOWN] for part in at)) or "configuration"
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
    return _VARIABLE.sub(lambda match: _fitted(environment.get(match[1], ""), match), node)


def _fitted(value: str, match: re.Match[str]) -> str:
    """A value as it may stand in its place: a password in a URL, ``//user:${NAME}@``, by the rules of URLs.

    One that is written by them already stays as it is.
    """
    before, after = match.string[: match.start()], match.string[match.end() :]
    is_password = _BEFORE_A_PASSWORD.search(before) is not None and after.startswith("@")
    return quote(value, safe="") if is_password and not _OF_A_URL.fullmatch(value) else value


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
            of_the_value = f"{written.place(at)}: what {shown(names)} stands for cannot be used here"
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
        near = difflib.get_close_matches(str(at[-1])[:LONGEST_SHOWN], known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
        return f"{place}: unknown key; {hint}"
    if item["type"] in ("literal_error", "enum"):
        wanted = item["ctx"]["expected"]
        said = str(item["input"])[:LONGEST_SHOWN]
        near = difflib.get_close_matches(said, re.findall(r"'([^']+)'", wanted), n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"expected {wanted}"
        return f"{place}: {shown(item['input'])} is not known; {hint}"
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
            yield f"{written.place(at)}: two jobs are called {shown(job.name)}; each needs a name of its own"
        names.add(job.name)
        at = ("schedule", number, "watchlist")
        if job.watchlist not in settings.watchlists:
            wanted = shown(told.get(at, job.watchlist))
            yield (
                f"{written.place(at)}: job {shown(job.name)} names the watchlist {wanted}, which is not there; "
                f"there are: {there}"
            )


def _addressed(settings: Settings, written: _Written, told: Mapping[Location, str]) -> Iterator[str]:
    """What is wrong with the addresses for messages, beside what each says by itself."""
    names: set[str] = set()
    for number, address in enumerate(settings.outputs.notify):
        at: Location = ("outputs", "notify", number)
        if "://" not in address.url.get_secret_value():
            yield f"{written.place(at)}: not an address such as ntfys://ntfy.sh/my-topic; see docs/configuration.md"
        if address.watchlist is not None and address.watchlist not in settings.watchlists:
            there = ", ".join(sorted(settings.watchlists)) or "none"
            wanted = shown(told.get((*at, "watchlist"), address.watchlist))
            yield f"{written.place(at)}: the watchlist {wanted} is not there; there are: {there}"
        name = name_of(number + 1, address)
        if name in names:
            yield f"{written.place(at)}: two outputs are called {shown(name)}; each needs a name of its own"
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
    outputs, store = settings.outputs, settings.store
    if isinstance(store.path, Path):
        store = store.model_copy(update={"path": anchor(store.path)})
    if watchlist is not None:
        outputs = outputs.model_copy(
            update={"watchlist": watchlist.model_copy(update={"path": anchor(watchlist.path)})}
        )
    return settings.model_copy(
        update={
            "store": store,
            "rules": tuple(folder / path for path in settings.rules),
            "events": anchor(settings.events),
            "pricing": settings.pricing.model_copy(update={"curve": anchor(settings.pricing.curve)}),
            "path": anchor(settings.path),
            "outputs": outputs,
        }
    )
