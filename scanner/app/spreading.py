"""Sessions judged by many processes (:mod:`scanner.app.workers`), and handed back in their order.

A session rests on what the store held before it and on no alert, so that each is a task of its own: a worker receives,
gates, prices, measures and judges it, and gives back what its chains say (:class:`scanner.pipeline.Stated`, the
drafts of alerts and a row a name). Whoever asked concludes in order, for alerts are stories that go from session to
session.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from scanner.app import workers

if TYPE_CHECKING:
    from scanner.app.workers import Crew
    from scanner.config import Settings
    from scanner.pipeline import Setup, Stated
    from scanner.ruleset import Rule


@dataclass(frozen=True, slots=True)
class Told:
    """All that a task knows: how sessions are judged, and of which names.

    ``run`` names the replay, so that no other one is ever given what a worker has open for it.
    """

    settings: Settings
    rules: Sequence[Rule]
    names: tuple[str, ...] | None
    run: str = field(default_factory=lambda: uuid.uuid4().hex)


def stated(crew: Crew, told: Told, sessions: Iterable[tuple[str, date]]) -> Iterator[Stated]:
    """What each session's chains say, in the order asked for; a session without chains gives nothing.

    Raises UsageError and ClusterError where the crew cannot do it.
    """
    for _, said in crew.in_order(sessions, lambda one: crew.submit(f"judged session {one[1]}", _judge, told, *one)):
        if said is not None:
            yield said


def _judge(told: Told, source: str, session: date) -> Stated | None:
    """Judge one session, in whatever process this is."""
    from scanner import pipeline

    setup = workers.kept(told.run, lambda: _setup(told))
    assert setup.store is not None
    return pipeline.stated_of_store(setup, source, session, told.names)


def _setup(told: Told) -> Setup:
    """The store as a task reads it, and how it judges."""
    from scanner.app import preparing

    return preparing.setup(told.settings, workers.read_store(told.settings), None, told.rules)
