"""Messages sent: a worker that empties the outbox, whatever its outputs do, and never delays a scan.

A message is taken in one transaction, sent, and settled in another. Killed between the two, nobody can know whether it
came: it is sent again, because a lost alert is worse than one that comes twice, and says "may have come before". Where
the output takes one - plain webhooks: json, xml, form - each message carries its id as ``Idempotency-Key``, the same
however often it is tried, by which the receiver can drop what it has; for all others it is at least once.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from scanner.app import clock, opening
from scanner.errors import StoreError, UsageError

if TYPE_CHECKING:
    from scanner.config import Notify, Settings
    from scanner.outputs.messages import Text
    from scanner.store.state import Ledger
    from scanner.store.state.outbox import Message

log = logging.getLogger(__name__)

_FIRST_PAUSE = timedelta(seconds=15)
_LONGEST_PAUSE = timedelta(minutes=15)
_GIVEN_UP_AFTER = timedelta(days=3)
_LATE = timedelta(minutes=5)
# More missed messages than this are sent as one, where the output takes no keys.
_MOST_SINGLE = 3
# So many messages in one round that an output does not take: it takes none now. One alone may be its own fault.
_ENOUGH = 3
_WITH_KEY = frozenset({"json", "jsons", "xml", "xmls", "form", "forms"})
_LOOK_EVERY = 1.0
# A round with a slow output leaves the rest to the next one.
_LONGEST_ROUND = timedelta(minutes=5)
# Whoever took messages so long ago no longer sends them: it died on another machine, or its number is another's now.
_TAKEN_FOR_DEAD_AFTER = timedelta(minutes=20)
# The rounds of this process that are under way, as they sign what they take.
_under_way: set[str] = set()


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of one message to one output: ``problem`` is None where it was taken."""

    output: str
    problem: str | None


def check(settings: Settings) -> None:
    """Raises UsageError for an address that nobody knows how to send to, or where the library for it is missing."""
    for place, address in enumerate(settings.outputs.notify, 1):
        _opened(_name(place, address), address)


def test(settings: Settings) -> list[Delivered]:
    """Send a test message to every output, now. Raises UsageError as :func:`check` does."""
    from scanner.outputs.messages import Text

    said = Text("scanner: a test message", "- messages of alerts will come here\n- scanner alerts lists them")
    return [
        Delivered(name, _send(name, address, said, f"test-{clock.right_now():%Y%m%dT%H%M%S%f}"))
        for place, address in enumerate(settings.outputs.notify, 1)
        for name in [_name(place, address)]
    ]


def deliver_now(settings: Settings) -> None:
    """Send what is due, for a command that ends soon; what fails is said, kept, and sent by whoever comes next."""
    if not settings.outputs.notify:
        return
    try:
        for delivered in deliver(settings):
            if delivered.problem is not None:
                log.warning("%s; kept, and tried again later", delivered.problem)
    except (StoreError, UsageError) as error:
        log.warning("no message is sent: %s", error)


def deliver(settings: Settings) -> list[Delivered]:
    """Send what is due to every output, once round; what fails is put back for later. Raises StoreError."""
    found: list[Delivered] = []
    for place, address in enumerate(settings.outputs.notify, 1):
        found += _deliver_to(settings, _name(place, address), address)
    return found


def _deliver_to(settings: Settings, name: str, address: Notify) -> list[Delivered]:
    now = clock.right_now()
    with opening.open_state(settings) as state, _signed() as me:
        with state.read() as ledger:
            due = ledger.next_due()
            dead = [claimant for claimant, since in ledger.claimants().items() if not _lives(claimant, since, now)]
        if (due is None or due > now) and not dead:
            return []
        with state.write() as ledger:
            batches = _batches(ledger.claim(name, now, me, dead), keyed=_takes_keys(address))
            for key, batch in batches:
                ledger.send_as(key, [message.message_id for message in batch])
        found: list[Delivered] = []
        refused: list[list[Message]] = []
        left = clock.countdown(_LONGEST_ROUND)
        while batches and len(refused) < _ENOUGH and left() > 0:
            key, batch = batches.pop(0)
            found.append(Delivered(name, _send(name, address, _said(batch, now), key)))
            if found[-1].problem is not None:
                refused.append(batch)
                continue
            # Else the next round, which could not know that it was sent, would send it again.
            sent = [message.message_id for message in batch]
            state.settled(partial(_settle, sent, clock.right_now()))
        problem = next((item.problem for item in reversed(found) if item.problem), None)
        problem = problem or (f"{name}: takes messages slowly; the rest follows" if batches else None)
        if problem is not None:
            with state.write() as ledger:
                for batch in refused:
                    _put_back(ledger, batch, now, problem)
                untried = [message.message_id for _, batch in batches for message in batch]
                ledger.put_back(untried, now + _FIRST_PAUSE, problem, untried=True)
    return found


def _settle(sent: Sequence[str], now: datetime, ledger: Ledger) -> None:
    ledger.settle(sent, now)


def _put_back(ledger: Ledger, batch: Sequence[Message], now: datetime, problem: str) -> None:
    """Keep what could not be sent for later, each time for longer; for ever it is not."""
    attempts = max(message.attempts for message in batch)
    pause = min(_FIRST_PAUSE * 2 ** min(attempts - 1, 10), _LONGEST_PAUSE)
    old = min(message.created_at for message in batch) < now - _GIVEN_UP_AFTER
    ledger.put_back([message.message_id for message in batch], now + pause, problem, give_up=old)


def _batches(messages: Sequence[Message], *, keyed: bool) -> list[tuple[str, list[Message]]]:
    """What is sent together, and by which key: what was to be gathered, and what piled up while nobody took it.

    What may have come before is sent again as it was, by the key that it had: that of a process that was killed, and
    for an output that takes keys (``keyed``) whatever was tried, for an answer that never came says nothing.
    """
    again: dict[str, list[Message]] = {}
    fresh = []
    for message in messages:
        if message.again or (keyed and message.key is not None):
            again.setdefault(message.key or message.message_id, []).append(message)
        else:
            fresh.append(message)
    single = [message for message in fresh if not message.gathered]
    by_digest: dict[object, list[Message]] = {}
    for message in fresh:
        if message.gathered:
            by_digest.setdefault(message.digest, []).append(message)
    together = list(by_digest.values())
    missed = [message for message in single if message.missed]
    if len(missed) > _MOST_SINGLE and not keyed:
        together.append(missed)
        single = [message for message in single if not message.missed]
    batches = [batch for batch in together if batch] + [[message] for message in single]
    return [*again.items(), *((_key_of(batch), batch) for batch in batches)]


def _takes_keys(address: Notify) -> bool:
    """Whether an output carries a key by which its receiver can drop what it has."""
    return address.url.get_secret_value().partition("://")[0].lower() in _WITH_KEY


def _key_of(batch: Sequence[Message]) -> str:
    """A key for what is sent together, that changes with anything in it."""
    if len(batch) == 1:
        return batch[0].message_id
    ids = "\n".join(message.message_id for message in batch)
    return hashlib.blake2b(ids.encode(), digest_size=16).hexdigest()


def _said(batch: Sequence[Message], now: datetime) -> Text:
    from scanner.alerts.model import Alert
    from scanner.outputs import messages

    told = [message for message in batch if message.alert_id is not None]
    events = [(message.kind, Alert.from_dict(message.document["alert"])) for message in told]
    late = any(message.missed and now - message.created_at > _LATE for message in batch)
    again = any(message.again for message in batch)
    if len(events) == 1 and not batch[0].gathered:
        return messages.one(*events[0], late=late, again=again)
    digest = batch[0].digest
    if digest is not None:
        names: dict[str, str | None] = {}
        for message in batch:
            names |= message.document.get("names", {})
        simulated = any(message.document.get("simulated") for message in batch)
        return messages.digest(*digest, events, names, simulated=simulated, late=late, again=again)
    storm = any(message.document.get("storm") for message in batch)
    return messages.several(events, storm=storm, late=late, again=again)


def _send(name: str, address: Notify, said: Text, key: str) -> str | None:
    """Send one message; what went wrong, in words that hold nothing of the address, or None."""
    try:
        sender = _opened(name, address, key)
        if sender.notify(title=said.title, body=said.body, body_format="text"):
            return None
    except UsageError as error:
        return str(error)
    except Exception as error:  # whatever a plugin raises costs this message alone
        return f"{name}: {type(error).__name__}"
    return f"{name}: the output did not take the message"


def _opened(name: str, address: Notify, key: str | None = None) -> Any:
    try:
        import apprise
    except ImportError as error:
        raise UsageError(
            "outputs.notify: messages need the extra `notify`: pip install 'options-unusual-activity-scanner[notify]'"
        ) from error
    # Its own words hold addresses, keys included.
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    url = address.url.get_secret_value()
    if key is not None and _takes_keys(address):
        url += f"{'&' if '?' in url else '?'}+Idempotency-Key={key}"
    sender = apprise.Apprise()
    if not sender.add(url):
        raise UsageError(f"outputs.notify: {name} is no address to send messages to; see docs/configuration.md")
    return sender


def _name(place: int, address: Notify) -> str:
    from scanner.config import name_of

    return name_of(place, address)


@contextmanager
def _signed() -> Iterator[str]:
    """By which name one round takes messages: the machine, the process, and what no other round has."""
    me = f"{os.uname().nodename}:{os.getpid()}:{uuid.uuid4().hex[:12]}"
    _under_way.add(me)
    try:
        yield me
    finally:
        _under_way.discard(me)


def _lives(claimant: str, since: datetime, now: datetime) -> bool:
    """Whether whoever took messages may still be sending them.

    A number alone tells no process: in a container it is 1 for the dead one and for the one that is asked.
    """
    host, pid, *_ = [*claimant.split(":"), ""]
    if now - since > _TAKEN_FOR_DEAD_AFTER:
        return False
    if host != os.uname().nodename or not pid.isdecimal():
        return True
    if int(pid) == os.getpid():
        return claimant in _under_way
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@dataclass
class Sender:
    """Empties the outbox in a thread of its own, as long as it is open; ``told`` hears how an output does."""

    settings: Callable[[], Settings]
    told: Callable[[Delivered], object] = lambda delivered: None
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="sending", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send nothing more; a message under way may end, for a moment."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(0.5)

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_EVERY):
            settings = self.settings()
            if not settings.outputs.notify:
                continue
            try:
                for delivered in deliver(settings):
                    self.told(delivered)
            except StoreError as error:
                log.debug("no message is sent: %s", error)
            except Exception:
                log.exception("messages cannot be sent; tried again soon")
