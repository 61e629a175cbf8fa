"""What a client remembers of what it was answered."""

from __future__ import annotations

from scanner.sources.remembering import Answer, Answers, Request


def request(name: str) -> Request:
    return f"https://example.org/{name}", frozenset()


def plain(text: str) -> Answer:
    return Answer(200, text.encode(), {})


def tagged(text: str) -> Answer:
    return Answer(200, text.encode(), {"ETag": f'"{text}"'})


def test_an_answer_is_given_without_asking_until_it_is_too_old() -> None:
    answers = Answers(lasts=60.0, largest=1000)
    answers.keep(request("a"), plain("first"), now=0.0)
    assert answers.find(request("a"), now=59.9) == (plain("first"), True)
    assert answers.find(request("a"), now=60.0) == (None, False)


def test_what_can_be_asked_for_by_its_tag_is_known_beyond_its_time() -> None:
    answers = Answers(lasts=60.0, largest=1000)
    answers.keep(request("a"), tagged("first"), now=0.0)
    assert answers.find(request("a"), now=3600.0) == (tagged("first"), False)
    answers.keep(request("a"), tagged("second"), now=3600.0)
    assert answers.find(request("a"), now=3601.0) == (tagged("second"), True)


def test_an_answer_that_comes_again_counts_once_towards_the_memory() -> None:
    answers = Answers(lasts=60.0, largest=20)
    for now in range(100):
        answers.keep(request("a"), tagged("0123456789"), now=float(now * 61))
    answers.keep(request("b"), plain("0123456789"), now=6101.0)
    assert answers.find(request("a"), now=6101.0)[0] is not None
    assert answers.find(request("b"), now=6101.0)[0] is not None


def test_old_answers_make_room_before_new_ones() -> None:
    answers = Answers(lasts=60.0, largest=20)
    answers.keep(request("new soon"), plain("0123456789"), now=50.0)
    answers.keep(request("later"), plain("0123456789"), now=51.0)
    answers.keep(request("latest"), plain("0123456789"), now=52.0)
    known = [name for name in ("new soon", "later", "latest") if answers.find(request(name), now=53.0)[0] is not None]
    assert known == ["later", "latest"]
    answers = Answers(lasts=60.0, largest=20)
    answers.keep(request("old"), tagged("0123456789"), now=0.0)
    answers.keep(request("young"), plain("0123456789"), now=50.0)
    answers.find(request("old"), now=61.0)
    answers.keep(request("youngest"), plain("0123456789"), now=62.0)
    known = [name for name in ("old", "young", "youngest") if answers.find(request(name), now=63.0)[0] is not None]
    assert known == ["young", "youngest"]


def test_an_answer_that_is_larger_than_the_memory_is_not_held() -> None:
    answers = Answers(lasts=60.0, largest=5)
    answers.keep(request("a"), plain("0123456789"), now=0.0)
    assert answers.find(request("a"), now=1.0) == (None, False)
