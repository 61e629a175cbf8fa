"""The name of an episode: stable for its whole life, the same on every machine, never made of words.

It is the hash of the rule's id, the identity the rule declares (such as the contract), whether the market is simulated,
and the session the episode began in. Titles, messages, thresholds and scores take no part, so rewording a rule or
seeing more volume never makes a second alert of one story.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date

_LENGTH = 16
_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class Key:
    """What an episode is about. Simulated and real markets never share one."""

    rule_id: str
    identity: str
    simulated: bool = False


def alert_id(key: Key, started: date, ordinal: int = 0) -> str:
    """The id of the episode of ``key`` that began in session ``started``: 16 hexadecimal digits.

    ``ordinal`` counts episodes of one key within one session, which only a cooldown shorter than a session can make.
    """
    parts = [key.rule_id, key.identity, "simulated" if key.simulated else "market", started.isoformat()]
    if ordinal:
        parts.append(str(ordinal))
    return hashlib.sha256(_SEPARATOR.join(parts).encode()).hexdigest()[:_LENGTH]
