"""Messages to a webhook on loopback: what is owed comes, once, whatever the webhook does meanwhile."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from alert_samples import FRIDAY, GOOG_235, THURSDAY, THURSDAY_CLOSE, SampleRule, at, finding, findings, frames, scan
from pytest_httpserver import HTTPServer
from standard import confirm, update
from werkzeug import Request, Response

from scanner.alerts import routing
from scanner.app import clock, notifying, opening
from scanner.app.heartbeat import status
from scanner.config import Settings, StoreSettings
from scanner.errors import StoreError
from scanner.store.state import Ledger

apprise = pytest.importorskip("apprise")


class Witness:
    """A webhook that counts what it takes; ``refuses`` says whether it answers 500, ``dies`` is called before that."""

    def __init__(self, server: HTTPServer) -> None:
        self.bodies: list[dict] = []
        self.keys: list[str] = []
        self.refuses = lambda: False
        self.answers_well = lambda: True
        server.expect_request("/hook").respond_with_handler(self.take)
        self.url = f"json://localhost:{server.port}/hook"

    def take(self, request: Request) -> Response:
        if self.refuses():
            return Response("no", 500)
        self.bodies.append(request.get_json())
        self.keys.append(request.headers.get("Idempotency-Key", ""))
        return Response("ok", 200 if self.answers_well() else 500)

    @property
    def titles(self) -> list[str]:
        return [body["title"] for body in self.bodies]


@pytest.fixture
def witness(httpserver: HTTPServer) -> Witness:
    return Witness(httpserver)


@pytest.fixture
def now(monkeypatch):
    """The clock of the application, which a test sets."""

    class Now:
        moment = THURSDAY_CLOSE

        def later(self, **span: float) -> None:
            self.moment += timedelta(**span)

    set_to = Now()
    monkeypatch.setattr(clock, "right_now", lambda: set_to.moment)
    return set_to


def settings(folder: Path, witness: Witness, **changes) -> Settings:
    address = {"url": witness.url, "name": "phone", **changes}
    return Settings(store=StoreSettings(path=folder), outputs={"notify": [address]})


def judged(configured: Settings, *contracts: str, moment=THURSDAY_CLOSE, **changes) -> None:
    """A scan that finds something in some contracts."""
    rows = [finding(identity=contract, contract=contract, **changes) for contract in contracts]
    with opening.open_state(configured) as state:
        found = findings(*rows)
        update(found, [SampleRule()], state, scan(moment), frames(), budget=99, routes=configured.routes)


def many(count: int) -> list[str]:
    return [f"GOOG250912C{1000 * (200 + number):08d}" for number in range(count)]


def test_an_alert_is_sent_once_however_often_it_is_judged_and_delivered(tmp_path, witness, now):
    configured = settings(tmp_path, witness)
    for _ in range(2):
        judged(configured, GOOG_235)
        notifying.deliver(configured)
    (title,) = witness.titles
    assert title.startswith("NOTICE GOOG 235 call, 12 Sep: 48,210")
    assert witness.bodies[0]["message"].count("\n- ") >= 2
    assert "scanner alerts show " in witness.bodies[0]["message"]


def test_what_an_output_missed_comes_once_when_it_is_back_and_says_that_it_is_late(tmp_path, witness, now):
    configured = settings(tmp_path, witness)
    witness.refuses = lambda: True
    judged(configured, GOOG_235)
    (failed,) = notifying.deliver(configured)
    assert failed.problem == "phone: the output did not take the message"
    (ailing,) = status(settings=configured).outputs
    assert (ailing.output, ailing.overdue, ailing.problem) == ("phone", 1, failed.problem)
    assert notifying.deliver(configured) == []  # not before its pause is over
    witness.refuses = lambda: False
    now.later(minutes=20)
    notifying.deliver(configured)
    notifying.deliver(configured)
    assert [title.endswith("(sent late)") for title in witness.titles] == [True]
    assert status(settings=configured).outputs == ()


def test_what_piled_up_comes_as_one_message_where_an_output_takes_no_keys(tmp_path, witness, now, monkeypatch):
    monkeypatch.setattr(notifying, "_takes_keys", lambda address: False)
    configured = settings(tmp_path, witness)
    witness.refuses = lambda: True
    judged(configured, *many(5))
    notifying.deliver(configured)
    witness.refuses = lambda: False
    now.later(hours=1)
    notifying.deliver(configured)
    assert [title.split(":")[0] for title in witness.titles] == ["5 alerts"]


def test_a_storm_is_held_back_and_what_was_held_back_is_said(tmp_path, witness, now):
    configured = settings(tmp_path, witness, most_an_hour=3)
    judged(configured, *many(8))
    notifying.deliver(configured)
    assert len(witness.titles) == 3
    now.later(minutes=61)
    notifying.deliver(configured)
    assert witness.titles[3:] == ["5 alerts held back by the storm limit: GOOG"]


def test_a_message_that_an_output_refuses_holds_up_no_other(tmp_path, witness, now):
    configured = settings(tmp_path, witness)
    judged(configured, *many(3))
    answers = iter([True, False, False])
    witness.refuses = lambda: next(answers)
    assert [item.problem is None for item in notifying.deliver(configured)] == [False, True, True]
    assert len(witness.titles) == 2


def test_a_digest_gathers_what_came_up_meanwhile(tmp_path, witness, now):
    configured = settings(tmp_path, witness, digest="30m")
    now.later(minutes=5)
    judged(configured, *many(3))
    assert notifying.deliver(configured) == []
    now.later(minutes=30)
    notifying.deliver(configured)
    assert witness.titles == ["3 alerts: GOOG"]
    assert witness.bodies[0]["message"].count("NOTICE GOOG ") == 3


def test_a_message_of_a_simulated_market_says_so_first(tmp_path, witness, now):
    configured = settings(tmp_path, witness)
    with opening.open_state(configured) as state:
        meta = scan(THURSDAY_CLOSE, simulated=True)
        update(findings(finding()), [SampleRule()], state, meta, frames(), budget=9, routes=configured.routes)
    notifying.deliver(configured)
    assert witness.titles[0].startswith("SIMULATED NOTICE GOOG")


def test_a_test_message_can_be_sent_and_an_address_that_is_none_is_named_without_its_secrets(tmp_path, witness):
    assert [(item.output, item.problem) for item in notifying.test(settings(tmp_path, witness))] == [("phone", None)]
    assert witness.titles == ["scanner: a test message"]
    broken = Settings(outputs={"notify": ["nosuch://user:s3cret@host"]})
    with pytest.raises(notifying.UsageError, match=r"nosuch-1 is no address") as caught:
        notifying.check(broken)
    assert "s3cret" not in str(caught.value)


def cycle(folder: str, url: str, contracts: list[str]) -> None:
    """One scan, alert, send cycle, of a process that may be killed anywhere in it."""
    configured = Settings(store=StoreSettings(path=Path(folder)), outputs={"notify": [{"url": url, "name": "phone"}]})
    judged(configured, *contracts)
    notifying.deliver(configured)


def test_killed_between_taking_and_settling_a_message_comes_again_with_its_key(tmp_path, witness, now):
    """The witness hangs up the sender after it took the message: nobody else can know that it came."""
    context = multiprocessing.get_context("spawn")
    configured = settings(tmp_path, witness)
    process = context.Process(target=cycle, args=(str(tmp_path), witness.url, [GOOG_235]))
    taken = witness.take

    def dies() -> bool:
        process.kill()
        return False

    witness.refuses = dies
    process.start()
    process.join(60)
    witness.refuses = lambda: False
    assert taken is not None
    notifying.deliver(configured)
    assert Counter(witness.keys) == {witness.keys[0]: 2}
    assert witness.titles[1].endswith("(may have come before)")
    assert json.dumps(witness.bodies[0]["message"]) == json.dumps(witness.bodies[1]["message"])


def test_a_receiver_that_takes_messages_and_answers_with_an_error_gets_them_again_by_the_same_keys(
    tmp_path, witness, now
):
    """An answer that never came, or came too late, looks like one that refused."""
    configured = settings(tmp_path, witness, digest="30m")
    answers = iter([False, False])
    witness.answers_well = lambda: next(answers, True)
    for count in (3, 5, 7):
        judged(configured, *many(count), moment=now.moment)
        now.later(minutes=31)
        notifying.deliver(configured)
    now.later(minutes=31)
    notifying.deliver(configured)
    keys: dict[str, set[str]] = {}
    for key, body in zip(witness.keys, witness.bodies, strict=True):
        for alert_id in re.findall(r"(?:\(|show )([0-9a-f]{8})\b", body["message"]):
            keys.setdefault(alert_id, set()).add(key)
    assert {len(each) for each in keys.values()} == {1}
    assert len(keys) == 7
    assert len(witness.keys) == len(set(witness.keys)) + 2


def taken(configured: Settings, claimant: str) -> None:
    """Messages taken by somebody, and neither sent nor put back."""
    with opening.open_state(configured) as state, state.write() as ledger:
        assert ledger.claim("phone", clock.right_now(), claimant, []) != []


@pytest.mark.parametrize(
    ("claimant", "after"),
    [
        ("{host}:{pid}:0123456789ab", 0),  # in a container every process has the same number
        ("{host}:{pid}", 0),  # as earlier versions signed
        ("elsewhere:1:0123456789ab", 21),  # on another machine, which cannot be asked
        ("{host}:1:0123456789ab", 21),  # the number of somebody else by now
    ],
)
def test_what_a_dead_process_had_taken_is_sent_again(tmp_path, witness, now, claimant, after):
    configured = settings(tmp_path, witness)
    judged(configured, GOOG_235)
    taken(configured, claimant.format(host=os.uname().nodename, pid=os.getpid()))
    if after:
        now.later(minutes=after - 2)
        assert notifying.deliver(configured) == []
        now.later(minutes=2)
    notifying.deliver(configured)
    assert [title.endswith("(sent late) (may have come before)") for title in witness.titles] == [after > 0]
    assert "(may have come before)" in witness.titles[0]


def test_what_could_not_be_settled_is_sent_again_by_the_same_process(tmp_path, witness, now, monkeypatch):
    configured = settings(tmp_path, witness)
    judged(configured, GOOG_235)
    with monkeypatch.context() as broken:
        broken.setattr(Ledger, "settle", lambda *_: (_ for _ in ()).throw(StoreError("disk full")))
        with pytest.raises(StoreError):
            notifying.deliver(configured)
    notifying.deliver(configured)
    notifying.deliver(configured)
    assert Counter(witness.keys) == {witness.keys[0]: 2}


def test_the_digest_of_the_close_comes_half_an_hour_after_it(tmp_path, witness, now):
    configured = settings(tmp_path, witness, digest="close")
    now.moment = THURSDAY_CLOSE - timedelta(hours=4)
    for minutes in (0, 60):
        judged(configured, *many(2 + minutes // 60), moment=now.moment + timedelta(minutes=minutes))
    now.moment = THURSDAY_CLOSE + timedelta(minutes=29)
    assert notifying.deliver(configured) == []
    now.later(minutes=1)
    notifying.deliver(configured)
    assert witness.titles == ["Close 4 Sep: 3 notice. GOOG 200 call, 12 Sep: sudden call build-up"]


def looked_at(configured: Settings, now, names: str, failed: dict[str, str] | None = None, **changes) -> None:
    """What a scan that found nothing leaves for the digests, now."""
    told = scan(now.moment, names=tuple(names.split()), **changes)
    with opening.open_state(configured) as state, state.write() as ledger:
        owed = routing.looked_at(told, failed or {}, configured.routes, now.moment, configured.exchange_calendar)
        ledger.queue(owed)


def test_a_digest_of_a_session_in_which_nothing_came_up_says_so_once_and_who_was_left_out(tmp_path, witness, now):
    configured = settings(tmp_path, witness, digest="close")
    now.moment = THURSDAY_CLOSE - timedelta(minutes=15)
    looked_at(configured, now, "GOOG MU", {"AAPL": "AAPL: the source did not answer", "TSLA": "TSLA: no price"})
    assert notifying.deliver(configured) == []
    now.later(minutes=35)
    looked_at(configured, now, "GOOG MU TSLA", {"AAPL": "AAPL: the source did not answer"})
    now.later(minutes=10)
    notifying.deliver(configured)
    looked_at(configured, now, "GOOG MU TSLA AAPL")  # the digest has gone
    notifying.deliver(configured)
    assert witness.titles == ["Close 4 Sep: nothing; AAPL left out"]
    assert "- 3 of 4 names looked at\n- AAPL: the source did not answer" in witness.bodies[0]["message"]
    now.moment = at(FRIDAY, 20, 20)
    looked_at(configured, now, "GOOG", session=FRIDAY, simulated=True)
    now.later(minutes=10)
    notifying.deliver(configured)
    assert witness.titles[1:] == ["SIMULATED Close 5 Sep: nothing"]


def test_a_digest_tells_of_the_names_that_its_output_follows_and_of_no_moment_of_the_past(tmp_path, witness, now):
    address = {"url": witness.url, "name": "phone", "digest": "morning", "watchlist": "mine"}
    configured = Settings(
        store=StoreSettings(path=tmp_path), watchlists={"mine": ["KO"]}, outputs={"notify": [address]}
    )
    looked_at(configured, now, "GOOG KO")
    now.moment = at(FRIDAY, 14, 15)
    looked_at(configured, now, "GOOG KO")  # Thursday's chains, looked at again on Friday
    notifying.deliver(configured)
    assert witness.titles == ["Morning 5 Sep: nothing"]
    assert "1 of 1 names looked at" in witness.bodies[0]["message"]


def test_each_day_has_a_digest_of_its_own_also_where_they_come_late(tmp_path, witness, now):
    configured = settings(tmp_path, witness, digest="close")
    judged(configured, GOOG_235)
    looked_at(configured, now, "GOOG")
    now.moment = at(FRIDAY, 20)
    looked_at(configured, now, "GOOG", session=FRIDAY)
    now.later(hours=1)
    notifying.deliver(configured)
    assert sorted(title.partition(". ")[0] for title in witness.titles) == [
        "Close 4 Sep: 1 notice",
        "Close 5 Sep: nothing",
    ]


def test_the_digest_of_the_morning_holds_the_alerts_and_what_the_open_interest_says_of_them(tmp_path, witness, now):
    configured = settings(tmp_path, witness, digest="morning")
    judged(configured, GOOG_235)
    now.moment = at(FRIDAY, 13, 40)  # 09:40 in New York
    published = frames(oi_asof=THURSDAY, open_interest=40_000)["contract"]
    with opening.open_state(configured) as state:
        confirm(state, published, now.moment, routes=configured.routes)
    assert notifying.deliver(configured) == []
    now.moment = at(FRIDAY, 14, 15)
    notifying.deliver(configured)
    assert witness.titles == ["Morning 5 Sep: 1 opened, 1 notice. GOOG 235 call, 12 Sep: 48,210 / 900 = 54x"]
    told = "OPENED 36,880 of 48,210 (76 %) by the morning's open interest: GOOG 235 call"  # 40,000 less 3,120
    assert told in witness.bodies[0]["message"]


def test_in_quiet_hours_nothing_is_sent_and_all_of_it_at_their_end(tmp_path, witness, now):
    configured = settings(tmp_path, witness, quiet="15:00-18:30")
    judged(configured, *many(2))  # 16:00 in New York
    now.later(hours=2, minutes=29)
    assert notifying.deliver(configured) == []
    now.later(minutes=1)
    notifying.deliver(configured)
    assert len(witness.titles) == 2


def test_each_output_is_told_of_its_own_severities_stars_and_names(tmp_path, httpserver, witness, now):
    outputs = {
        "all": {},
        "high": {"min_severity": "high"},
        "rare": {"min_stars": 5},
        "others": {"watchlist": "others"},
    }
    addresses = [
        {"url": witness.url.replace("/hook", f"/{name}"), "name": name, **told} for name, told in outputs.items()
    ]
    came: list[str] = []
    for name in outputs:
        httpserver.expect_request(f"/{name}").respond_with_handler(
            lambda request, name=name: (came.append(name), Response("ok"))[1]
        )
    configured = Settings(
        store=StoreSettings(path=tmp_path), watchlists={"others": ["KO"]}, outputs={"notify": addresses}
    )
    judged(configured, GOOG_235)  # a notice of GOOG, with few stars
    notifying.deliver(configured)
    assert came == ["all"]
