"""What a running schedule does, for people: a few lines at 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from scanner.alerts.model import plain
from scanner.market.calendar import NEW_YORK
from scanner.object_prefix import ObjectPrefix
from scanner.outputs import terminal
from scanner.outputs.document import SCHEMA
from scanner.outputs.text import printable

if TYPE_CHECKING:
    from scanner.store.state import JobRun
    from scanner.store.state.outbox import Waiting


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of a store's schedule.

    ``process`` is what the running one says of itself (None: none runs), ``last`` the newest run of each job, newest
    first, ``told_today`` how many alerts the newest session has; ``muted`` counts what is silenced now, and ``outputs``
    are those that messages wait for.
    """

    store: Path | ObjectPrefix
    process: dict[str, Any] | None
    last: tuple[JobRun, ...] = ()
    session: str | None = None
    told_today: int = 0
    muted: int = 0
    problem: str | None = None
    outputs: tuple[Waiting, ...] = ()

    @property
    def runs(self) -> bool:
        """Whether a schedule runs."""
        return self.process is not None

    def as_dict(self) -> dict[str, Any]:
        """The document of ``scanner status --format json``."""
        return {
            "schema": SCHEMA,
            "store": str(self.store),
            "running": self.runs,
            "process": self.process,
            "last_runs": [plain({name: getattr(run, name) for name in run.__dataclass_fields__}) for run in self.last],
            "session_date": self.session,
            "alerts_today": self.told_today,
            "muted": self.muted,
            "problem": self.problem,
            "outputs": [plain(asdict(item)) for item in self.outputs],
        }


def print_status(found: Status, to: Console, *, hangs: bool = False) -> None:
    """Print whether a schedule runs, what it did last, what it does next, and what ails."""
    for sentence in sentences(found, hangs=hangs):
        terminal.say(printable(sentence), to)


def sentences(found: Status, *, hangs: bool = False) -> Iterator[str]:
    """The status in sentences, a line each."""
    last = "" if not found.last else f"; last: {_run(found.last[0])}"
    if found.process is None:
        yield f"not running on {found.store}{last}"
        yield "start it with: scanner run"
    else:
        process = found.process
        yield f"running since {_moment(process.get('since'))} (pid {process.get('pid')}){last}"
        if hangs:
            yield f"it has said nothing since {_moment(process.get('at'))}: it hangs, or the machine slept"
        yield from _doing(process, found)
    for output in found.outputs:
        if output.overdue:
            since = _moment(None if output.oldest is None else output.oldest.isoformat())
            yield f"{output.output}: {terminal.counted(output.overdue, 'message')} late since {since}: {output.problem}"
        if output.given_up:
            yield f"{output.output}: {terminal.counted(output.given_up, 'message')} given up after three days"
    if found.problem is not None:
        yield found.problem


def _doing(process: Mapping[str, Any], found: Status) -> Iterator[str]:
    following = process.get("next") or []
    parts = [f"now: {run['job']} since {_moment(run['since'])}" for run in process.get("under_way") or []]
    if following:
        parts.append(f"next: {following[0]['job']} {_moment(following[0]['due'])}")
    parts.append(f"told today {found.told_today}, muted {found.muted}")
    sources = process.get("sources") or {}
    parts += [f"{name} {'ok' if told['ok'] else 'ailing'}" for name, told in sources.items()]
    parts += [f"{item.output} {item.overdue} late" for item in found.outputs if item.overdue]
    yield "; ".join(parts)
    for name, told in sources.items():
        if not told["ok"]:
            yield f"{name} ails since {_moment(told['since'])}: {told['problem']}"
    if process.get("configuration_problem"):
        yield f"the configuration was changed and is broken, the one before goes on: {process['configuration_problem']}"


def standing_line(process: Mapping[str, Any]) -> str:
    """A running schedule in a line: ``next Mon 09:30 confirm | 3 alerts | cboe ok | last 16:20, 41 s, 3 of 3``."""
    parts = [f"{run['job']} is running" for run in process.get("under_way") or []]
    following = process.get("next") or []
    if following:
        due = datetime.fromisoformat(following[0]["due"]).astimezone(NEW_YORK)
        parts.append(f"next {due:%a %H:%M} {following[0]['job']}")
    runs = sorted((process.get("runs") or {}).values(), key=lambda run: run["ended"])
    scans = [run for run in runs if run.get("symbols_requested")]
    if scans:
        parts.append(terminal.counted(scans[-1]["alerts"], "alert"))
    sources, outputs = process.get("sources") or {}, process.get("outputs") or {}
    parts += [f"{name} {'ok' if told['ok'] else 'ailing'}" for name, told in sources.items()]
    parts += [f"{name} ailing" for name, told in outputs.items() if not told["ok"]]
    if process.get("configuration_problem"):
        parts.append("changed configuration is broken")
    if runs:
        ended = datetime.fromisoformat(runs[-1]["ended"]).astimezone(NEW_YORK)
        parts.append(f"last {ended:%H:%M}, {runs[-1]['seconds']:.0f} s")
        if runs[-1].get("symbols_requested"):
            count = terminal.counted(runs[-1]["symbols_requested"], "name")
            parts[-1] += f", {runs[-1]['symbols_scanned']:,} of {count}"
    return " | ".join(parts)


def _run(run: JobRun) -> str:
    """``close 16:20, 41 s, 3 of 3 names``."""
    said = [f"{run.name} {_moment(run.started_at.isoformat())}"]
    if run.finished_at is not None and run.outcome != "too late":
        said.append(f"{(run.finished_at - run.started_at).total_seconds():.0f} s")
    if "symbols_requested" in run.figures:
        figures = run.figures
        said.append(f"{figures['symbols_scanned']:,} of {terminal.counted(figures['symbols_requested'], 'name')}")
    if run.outcome != "done":
        said.append(run.outcome)
    return ", ".join(said)


def _moment(text: str | None) -> str:
    """A moment as New York's clock shows it: ``Mon 20 Aug 09:12``."""
    if text is None:
        return "an unknown time"
    return datetime.fromisoformat(text).astimezone(NEW_YORK).strftime("%a %-d %b %H:%M")
