"""Fitted models below a prefix: fitted by one machine, taken by the others, and let in only as what they are."""

from __future__ import annotations

import io
import logging
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from built_chains import Recorded, built_chain
from object_stores import Bucket
from standard import calendar, open_store

from scanner import activity
from scanner.activity import prior
from scanner.history.panel import Panel
from scanner.object_prefix import ObjectPrefix, store_place
from scanner.store import model_files, models, shared_models
from scanner.store.importing import ImportReport, import_chains
from scanner.store.model_files import DoubtfulError, unpacked
from scanner.store.models import Models
from scanner.store.objects import Objects
from scanner.store.shared_models import SharedModels

DAYS = calendar.sessions_between(date(2026, 6, 1), date(2026, 7, 10))
STRIKES = [float(strike) for strike in range(60, 141)]


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    """26 sessions of one name, enough for a model of its own."""
    store = open_store(tmp_path_factory.mktemp("history") / "store")
    chains = [Recorded(built_chain(day, strikes=STRIKES)) for day in DAYS[:26]]
    import_chains(store, chains, ImportReport())
    return store.history.panel("test", ["ABC"], DAYS[26])


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[date]:
    """The newest session of every panel that a model was fitted to."""
    done: list[date] = []
    fit = activity.fit

    def counted(panel: Panel, events: Any = None) -> Any:
        done.append(panel.sessions[-1])
        return fit(panel, events)

    monkeypatch.setattr(activity, "fit", counted)
    return done


class Machine:
    """A machine's models, and what it shares, as a store below the prefix has them when it is opened."""

    def __init__(self, bucket: Bucket, folder: Path, *, read_only: bool = False) -> None:
        place = store_place(bucket.url)
        assert isinstance(place, ObjectPrefix)
        objects = Objects(place)
        self.folder = folder
        self.shared = SharedModels(objects)
        self.shared.listed(objects.listed())
        self.models = Models(folder, read_only=read_only, shared=self.shared)

    def learned(self, panel: Panel) -> bytes:
        """Everything that was learnt, byte for byte."""
        model = self.models.fit(panel)
        assert model.past is not None
        values = prior.arrays_of(model.learned, model.base) | model.past.arrays()
        return b"".join(name.encode() + values[name].tobytes() for name in sorted(values))


@pytest.fixture
def machine(bucket: Bucket, tmp_path: Path) -> Callable[..., Machine]:
    return lambda name, **how: Machine(bucket, tmp_path / name, **how)


def test_what_one_machine_fitted_another_takes_and_it_says_the_same(machine, bucket, panel, fits):
    one = machine("one")
    fitted = one.learned(panel)
    assert not bucket.objects()
    one.shared.send()
    (key,) = bucket.objects()
    assert key == f"models/{next(one.folder.iterdir()).name}"
    two = machine("two")
    assert two.learned(panel) == fitted
    assert fits == [DAYS[25]]
    # It is kept there, and not asked for again.
    bucket.delete(key)
    assert machine("two").learned(panel) == fitted
    assert len(fits) == 1


def test_a_machine_that_only_reads_takes_a_model_and_keeps_and_gives_none(machine, bucket, panel, fits):
    reader = machine("reader", read_only=True)
    reader.learned(panel)
    reader.shared.send()
    assert not bucket.objects()
    one = machine("one")
    one.learned(panel)
    one.shared.send()
    machine("reader", read_only=True).learned(panel)
    assert len(fits) == 2
    assert not (one.folder.parent / "reader").exists()


def test_two_that_fit_the_same_at_once_share_one(machine, bucket, panel):
    one, two = machine("one"), machine("two")
    assert one.learned(panel) == two.learned(panel)
    one.shared.send()
    first = bucket.objects()
    two.shared.send()
    assert bucket.objects() == first


def test_a_model_that_is_gone_since_it_was_listed_is_fitted(machine, bucket, panel, fits):
    one = machine("one")
    one.learned(panel)
    one.shared.send()
    two = machine("two")
    bucket.delete(next(iter(bucket.objects())))
    two.learned(panel)
    assert len(fits) == 2


def test_what_cannot_be_put_fails_nothing_and_is_put_another_time(machine, bucket, panel):
    one = machine("one")
    one.learned(panel)
    bucket.client.delete_bucket(Bucket=bucket.name)
    one.shared.send()
    bucket.client.create_bucket(Bucket=bucket.name)
    one.shared.send()
    assert len(bucket.objects()) == 1


def test_what_other_libraries_fitted_is_another_model(machine, bucket, panel, fits, monkeypatch):
    one = machine("one")
    one.learned(panel)
    one.shared.send()
    monkeypatch.setattr(models, "computed_with", lambda: {"numpy": "0.0.1"})
    models._making.cache_clear()
    two = machine("two")
    two.learned(panel)
    two.shared.send()
    models._making.cache_clear()
    assert len(fits) == 2
    assert len(bucket.objects()) == 2


def test_the_oldest_below_the_prefix_are_let_go_of(machine, bucket, panel, monkeypatch):
    monkeypatch.setattr(shared_models, "MOST_SHARED", 2)
    one = machine("one")
    one.learned(panel)
    (path,) = one.folder.iterdir()
    for number in range(3):
        another = path.with_name(f"{number:032x}.npz")
        another.write_bytes(path.read_bytes())
        one.shared.offer(another)
    one.shared.send()
    assert len(bucket.objects()) == 2


def changed(content: bytes, **arrays: Any) -> bytes:
    """A model's file with other arrays in it; None takes one out."""
    with np.load(io.BytesIO(content), allow_pickle=False) as kept:
        values = {name: kept[name] for name in kept.files} | arrays
    built = io.BytesIO()
    np.savez_compressed(built, **{name: each for name, each in values.items() if each is not None})
    return built.getvalue()


class Hostile:
    """Writes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def lying(content: bytes) -> bytes:
    """A model's file with an array whose header says that it is far longer than it is."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
    return with_member(content, "opening.npy", header.getvalue())


def with_member(content: bytes, name: str, member: bytes) -> bytes:
    built = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as whole, zipfile.ZipFile(built, "w", zipfile.ZIP_DEFLATED) as made:
        for known in whole.namelist():
            made.writestr(known, member if known == name else whole.read(known))
    return built.getvalue()


DAMAGES: dict[str, tuple[Callable[[bytes, Path], bytes], str]] = {
    "cut": (lambda content, _: content[:5_000], "cannot be read"),
    "no zip": (lambda content, _: b"model", "cannot be read"),
    "one byte": (lambda content, _: content[:3_000] + bytes([content[3_000] ^ 1]) + content[3_001:], "cannot be read"),
    "pickled": (lambda content, mark: changed(content, opening=np.array([Hostile(mark)])), "cannot be read"),
    "lying header": (lambda content, _: lying(content), "cannot be read"),
    "another's": (lambda content, _: changed(content, made_of=np.frombuffer(b"0" * 32, np.uint8)), "something else"),
    "nobody's": (lambda content, _: changed(content, made_of=None), "something else"),
    "one more": (lambda content, _: changed(content, more=np.zeros(3)), "not those of a model"),
    "one less": (lambda content, _: changed(content, opening=None), "not those of a model"),
    "shorter": (
        lambda content, _: changed(content, tail_1=np.zeros((1, 141), np.float32)),
        r"tail_1 is float32 \(1, 141",
    ),
    "of two names": (lambda content, _: changed(content, own=np.zeros((4, 2))), r"own is float64 \(4, 2"),
    "of another type": (lambda content, _: changed(content, opening=np.zeros(14, np.float32)), "opening is float32"),
    "no number": (lambda content, _: changed(content, opening=np.full(14, np.nan)), "opening has values"),
    "no such name": (lambda content, _: changed(content, past_name=past(content, "name") + 1), "there are none of"),
    "no such family": (
        lambda content, _: changed(content, past_family=past(content, "family") - 9),
        "there are none of",
    ),
    "uneven": (lambda content, _: changed(content, past_key=past(content, "key")[1:]), "different lengths"),
    "longer": (lambda content, _: changed(content, past_money=np.zeros((1, 27))), "different lengths"),
}


def past(content: bytes, name: str) -> Any:
    with np.load(io.BytesIO(content), allow_pickle=False) as kept:
        return kept[f"past_{name}"]


@pytest.fixture(scope="module")
def whole(panel: Panel, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    """The name and the file of the panel's model."""
    folder = tmp_path_factory.mktemp("models")
    Models(folder).fit(panel)
    (path,) = folder.iterdir()
    return path.name, path.read_bytes()


def test_a_file_is_the_model_that_was_packed(whole):
    name, content = whole
    values = unpacked(content, Path(name).stem, 1, 26)
    with np.load(io.BytesIO(content), allow_pickle=False) as kept:
        assert {title for title in kept.files if title != "made_of"} == values.keys()
        assert all(np.array_equal(kept[title], values[title], equal_nan=True) for title in values)


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_file_that_is_no_model_of_the_panel_is_not_let_in(whole, kind, tmp_path):
    name, content = whole
    damage, why = DAMAGES[kind]
    damaged = damage(content, tmp_path / "mark")
    with pytest.raises(DoubtfulError, match=why):
        unpacked(damaged, Path(name).stem, 1, 26)
    assert not (tmp_path / "mark").exists()


def test_a_file_larger_than_any_model_is_not_unpacked(whole, monkeypatch):
    name, content = whole
    monkeypatch.setattr(model_files, "_LARGEST_UNPACKED", 100_000)
    with pytest.raises(DoubtfulError, match="unpacks to more than any model"):
        unpacked(content, Path(name).stem, 1, 26)
    monkeypatch.setattr(model_files, "LARGEST", 1_000)
    with pytest.raises(DoubtfulError, match="more than any model"):
        unpacked(content, Path(name).stem, 1, 26)


def test_a_model_damaged_below_the_prefix_is_said_fitted_anew_and_replaced(machine, bucket, panel, whole, fits, caplog):
    name, content = whole
    bucket.put(f"models/{name}", DAMAGES["no such name"][0](content, Path()))
    two = machine("two")
    with caplog.at_level(logging.WARNING):
        fitted = two.learned(panel)
    assert len(fits) == 1
    assert f"{bucket.url}/models/{name} is left out: its stories are of names" in caplog.text
    two.shared.send()
    assert machine("three").learned(panel) == fitted
    assert len(fits) == 1


def test_what_is_no_name_of_a_model_is_neither_taken_nor_let_go_of(machine, bucket, panel, monkeypatch):
    monkeypatch.setattr(shared_models, "MOST_SHARED", 1)
    bucket.put("models/notes.txt", b"another's")
    bucket.put("models/deeper/" + "0" * 32 + ".npz", b"another's")
    one = machine("one")
    one.learned(panel)
    one.shared.send()
    assert len(bucket.objects()) == 3


@pytest.fixture
def opened(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    def store(name: str) -> Any:
        monkeypatch.setenv("HOME", str(tmp_path / name))
        return open_store(store_place(bucket.url))

    return store


def test_a_store_below_a_prefix_shares_its_models_with_the_next_writing(opened, bucket, fits):
    one = opened("one")
    chains = [Recorded(built_chain(day, strikes=STRIKES)) for day in DAYS[:26]]
    import_chains(one, chains, ImportReport())
    one.models.fit(one.history.panel("test", ["ABC"], DAYS[26]))
    with one.writing():
        """Nothing else."""
    assert sum(key.startswith("models/") for key in bucket.objects()) == 1
    two = opened("two")
    assert not (two.path / "models").exists()
    two.models.fit(two.history.panel("test", ["ABC"], DAYS[26]))
    assert fits == [DAYS[25]]
    # What others let go of is let go of by nobody else.
    for key in bucket.objects():
        if key.startswith("models/"):
            bucket.delete(key)
    assert len(list((opened("two").path / "models").iterdir())) == 1
