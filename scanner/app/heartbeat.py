"""What a running schedule does, told from outside: a small file beside the store, and who holds its lock.

The process writes the file whenever something happened and once a minute besides; the lock tells whether it still
lives, so that what a killed one left is never taken for news.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scanner import __version__
from scanner.app import clock, configuring
from scanner.errors import ScannerError, StoreError
from scanner.object_prefix import folder_of, store_place

if TYPE_CHECKING:
    from scanner.app.configuring import Place
    from scanner.app.confirming import Confirmed
    from scanner.app.jobs import Loaded
    from scanner.app.notifying import Delivered
    from scanner.config import Settings
    from scanner.outputs.result import ScanResult
    from scanner.outputs.status import Status
    from scanner.store.state import JobRun

log = logging.getLogger(__name__)

FILE = "status.json"
LOCK = "daemon.lock"
SCHEMA = 1
_BEAT = timedelta(minutes=1)
# What concerns the whole of a source, not one symbol of it.
_AILMENTS = frozenset({"blocked", "rate_limited", "unreachable", "timeout", "server_error", "http_error"})


class Reporter:
    """Keeps the status of a process up to date, in memory and in its file."""

    def __init__(self, folder: Path, loaded: Callable[[], Loaded]) -> None:
        self._path = folder / FILE
        self._loaded = loaded
        self._lock = threading.RLock()
        self._running: dict[str, JobRun] = {}
        self._upcoming: Sequence[tuple[datetime, str]] = ()
        self._sources: dict[str, dict[str, Any]] = {}
        self._outputs: dict[str, dict[str, Any]] = {}
        self._runs: dict[str, dict[str, Any]] = {}
        self._alerts: Counter[str] = Counter()
        self._not_loaded: str | None = None
        self._began = clock.right_now()
        self._written = self._began - _BEAT

    @property
    def is_busy(self) -> bool:
        """Whether a run is under way."""
        return bool(self._running)

    def began(self, run: JobRun) -> None:
        """A run has begun."""
        with self._lock:
            self._running[run.name] = run
            self._write()

    def finished(self, run: JobRun, result: ScanResult | Confirmed | None) -> None:
        """A run has ended, with a result where there is one; says it in a line."""
        with self._lock:
            self._note_sources(run, result)
            self._count(run)
            self._running.pop(run.name, None)
            log.info("%s", self._line(run))
            self._write()

    def delivered(self, delivered: Delivered) -> None:
        """A message was sent, or could not be; the first failure of an output and its recovery are said."""
        known = self._outputs.get(delivered.output, {"ok": True, "since": None})
        ok = delivered.problem is None
        since = None if ok else known["since"] or clock.right_now().isoformat()
        if known["ok"] and not ok:
            log.warning("%s; tried again until it does", delivered.problem)
        elif ok and not known["ok"]:
            log.info("%s takes messages again", delivered.output)
        self._outputs[delivered.output] = {"ok": ok, "problem": delivered.problem, "since": since}
        self._write()

    def not_loaded(self, problem: str | None) -> None:
        """A changed configuration is broken, or (None) no longer is."""
        self._not_loaded = problem
        self._write()

    def beat(self, upcoming: Sequence[tuple[datetime, str]]) -> None:
        """Say that the process lives, and what is due next."""
        changed = list(upcoming) != list(self._upcoming)
        self._upcoming = upcoming
        if changed or clock.right_now() - self._written >= _BEAT:
            self._write()

    def stopped(self) -> None:
        """The process is about to end."""
        self._upcoming = ()
        self._write()

    def _count(self, run: JobRun) -> None:
        ended = run.finished_at or run.started_at
        known = self._runs.setdefault(run.name, {"outcomes": Counter()})
        known["outcomes"][run.outcome] += 1
        known |= {"ended": ended.isoformat(), "seconds": (ended - run.started_at).total_seconds()}
        known |= {name: run.figures.get(name) for name in ("symbols_scanned", "symbols_requested")}
        counts = run.figures.get("alerts", {})
        known["alerts"] = sum(count for kind, count in counts.items() if kind != "closed")
        news = {kind: count for kind, count in counts.items() if kind != "ongoing"}
        self._alerts.update(news)

    def _note_sources(self, run: JobRun, result: ScanResult | Confirmed | None) -> None:
        from scanner.app.confirming import Confirmed

        if result is None:
            return
        problems = result.problems if isinstance(result, Confirmed) else result.errors
        ailing = next((item for item in problems if item.stage == "source" and item.code in _AILMENTS), None)
        for source in self._loaded().sources[:1]:
            known = self._sources.get(source.vendor.name, {})
            if ailing is None:
                self._sources[source.vendor.name] = {"ok": True, "problem": None, "since": None}
            elif known.get("ok", True):
                since = run.started_at.isoformat()
                self._sources[source.vendor.name] = {"ok": False, "problem": ailing.message, "since": since}

    def _line(self, run: JobRun) -> str:
        """``close: 3 new, 5 held back | next Mon 09:30 confirm | cboe ok``."""
        parts = [f"job {run.name}: {_happened(run)}"]
        if self._upcoming:
            now = clock.right_now()
            # What is due by now begins as soon as this run has said what it found.
            coming = [f"{clock.weekday(due)} {name}" for due, name in self._upcoming if due > now]
            parts.append(f"next {coming[0] if coming else self._upcoming[0][1]}")
        parts += [f"{name} {'ok' if told['ok'] else 'ailing'}" for name, told in self._sources.items()]
        parts += [f"{name} late" for name, told in self._outputs.items() if not told["ok"]]
        return " | ".join(parts)

    def document(self) -> dict[str, Any]:
        """The status as plain data."""
        with self._lock:
            under_way = [
                {"job": run.name, "since": run.started_at.isoformat(), "due": run.due_at.isoformat()}
                for run in sorted(self._running.values(), key=lambda run: run.started_at)
            ]
        settings = self._loaded().settings
        return {
            "schema": SCHEMA,
            "version": __version__,
            "pid": os.getpid(),
            "since": self._began.isoformat(),
            "at": clock.right_now().isoformat(),
            "source": list(settings.source),
            "running": under_way[0] if under_way else None,
            "under_way": under_way,
            "next": [{"job": name, "due": due.isoformat()} for due, name in self._upcoming],
            "sources": self._sources,
            "outputs": self._outputs,
            "runs": self._runs,
            "alerts": dict(self._alerts),
            "configuration_problem": self._not_loaded,
        }

    def _write(self) -> None:
        from scanner.store.files import write_atomically

        with self._lock:
            self._written = clock.right_now()
            body = json.dumps(self.document(), indent=1).encode()
            try:
                write_atomically(self._path, lambda handle: handle.write(body))
            except (StoreError, OSError) as error:
                log.debug("the status cannot be written: %s", error)


def _happened(run: JobRun) -> str:
    """What a run came to, in words."""
    figures = run.figures
    if run.outcome in ("failed", "too late", "abandoned"):
        return f"{run.outcome}{f' ({run.message})' if run.message else ''}"
    if "alerts" not in figures:
        return run.outcome
    counts = figures["alerts"]
    told = [f"{counts[kind]} {kind}" for kind in ("new", "escalated", "closed", "ongoing") if counts.get(kind)]
    held = [f"{figures['held_back']} held back"] if figures["held_back"] else []
    failed = figures["symbols_requested"] - figures["symbols_scanned"]
    return ", ".join([*(told or ["nothing new"]), *held, *([f"{failed} names failed"] if failed > 0 else [])])


def status(*, settings: Settings | Place | None = None, store: Place | None = None) -> Status:
    """What the schedule of a store does, asked from outside; reads alone, and works while it runs.

    Where a ``store`` is named no configuration is read, so that a broken one hides nothing. Raises ConfigError.
    """
    from scanner.outputs.status import Status
    from scanner.store.locks import WriteLock
    from scanner.store.state import State

    place = configuring.state_place(settings, store)
    named = store_place(store) if store is not None else configuring.settings(settings).store.path
    folder = folder_of(named)
    holder = WriteLock(folder / LOCK, 0.0).holder()
    process = None if holder is None else _said(folder, holder)
    try:
        with State.open(place, read_only=True) as state, state.read() as ledger:
            newest = {run.name: run for run in reversed(ledger.job_runs(limit=200))}
            last = sorted(newest.values(), key=lambda run: run.started_at, reverse=True)
            session = ledger.newest_session()
            told = 0 if session is None else ledger.count_alerts(first_session=session)
            now = clock.right_now()
            muted = sum(wish.holds(now) for wish in ledger.silences())
            outputs = tuple(ledger.waiting())
            day = None if session is None else session.isoformat()
            return Status(named, process, tuple(last), day, told, muted, outputs=outputs)
    except ScannerError as error:
        return Status(named, process, problem=str(error))


def _said(folder: Path, holder: dict[str, Any]) -> dict[str, Any]:
    """What the process that holds the lock has written of itself; what is not its own is left out."""
    since = str(holder.get("since", ""))
    known: dict[str, Any] = {"pid": holder.get("pid"), "since": f"{since.replace(' ', 'T')}+00:00" if since else None}
    try:
        said = json.loads((folder / FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return known
    return said if isinstance(said, dict) and said.get("pid") == known["pid"] else known


def is_stale(process: dict[str, Any], now: datetime) -> bool:
    """Whether a process holds its lock and has said nothing for so long that it must hang."""
    at = process.get("at")
    return at is not None and now.astimezone(UTC) - datetime.fromisoformat(at) > 5 * _BEAT
