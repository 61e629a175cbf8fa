"""A store below a prefix in a bucket, shared by several machines, over lines that break."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import object_stores
import polars as pl
import pytest
from built_chains import Recorded, built_chain
from commands import Commands
from object_stores import Bucket
from standard import calendar, open_store

from scanner.errors import StoreError, StoreMissingError, StoreUnreachableError, UsageError
from scanner.object_prefix import ObjectPrefix, store_place
from scanner.store import maintenance, objects
from scanner.store.importing import ImportReport, import_chains
from scanner.store.store import Store

DAYS = calendar.sessions_between(date(2026, 8, 3), date(2026, 8, 5))
Machine = Callable[..., Store]


@pytest.fixture
def machine(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """The store as a machine of some name opens it, each with a home of its own."""

    def opened(name: str, *, read_only: bool = False) -> Store:
        monkeypatch.setenv("HOME", str(tmp_path / name))
        return open_store(store_place(bucket.url), read_only=read_only)

    return opened


@pytest.fixture
def line(bucket: Bucket, monkeypatch: pytest.MonkeyPatch):
    """A line to the bucket that can be broken; stores opened from here on are behind it."""
    with object_stores.line_to(bucket.endpoint) as (line, url):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield line


def stored(store: Store, *chains: pl.DataFrame) -> ImportReport:
    report = ImportReport()
    import_chains(store, [Recorded(chain) for chain in chains], report)
    return report


def snapshots(objects: dict[str, bytes]) -> list[str]:
    return sorted(key for key in objects if key.startswith("snapshots/"))


def test_what_one_machine_stores_another_has(machine, bucket):
    here = machine("one")
    stored(here, *map(built_chain, DAYS))
    there = machine("two", read_only=True)
    assert there.snapshots.sessions("test") == DAYS
    assert there.snapshots.newest("test", DAYS[-1]).equals(here.snapshots.newest("test", DAYS[-1]))
    assert there.summaries.contracts("test", DAYS[0]).equals(here.summaries.contracts("test", DAYS[0]))
    assert there.outdated() == {}
    assert len(snapshots(bucket.objects())) == len(DAYS)


def test_below_the_prefix_lies_what_machines_share_and_nothing_that_each_makes_for_itself(machine, bucket):
    store = machine("one")
    stored(store, *map(built_chain, DAYS))
    store.outdated()
    store.history.panel("test", ["ABC"], date(2026, 8, 6))
    assert {key.partition("/")[0] for key in bucket.objects()} == {"store.json", "snapshots", "summaries"}
    assert {"lock", "checked", "mirror.sqlite"} <= {path.name for path in store.path.iterdir()}


def test_a_panel_has_one_fingerprint_on_every_machine_so_that_what_is_made_of_it_is_known_on_all(machine):
    day = date(2026, 8, 6)
    one = machine("one")
    stored(one, *map(built_chain, DAYS))
    two = machine("two")
    assert two.history.panel("test", ["ABC"], day).fingerprint == one.history.panel("test", ["ABC"], day).fingerprint


def test_each_version_of_a_file_is_fetched_once(machine, line):
    stored(machine("one"), *map(built_chain, DAYS))
    machine("two")
    line.seen.clear()
    machine("two")
    assert line.count("GET", "list-type") == 1
    assert len(line.seen) == 1


def test_two_machines_that_summarise_one_session_at_once_both_have_what_they_measured(machine, bucket):
    one, two = machine("one"), machine("two")
    stored(one, built_chain(DAYS[0], underlying="ABC"))
    stored(two, built_chain(DAYS[0], underlying="XYZ"))
    third = machine("three")
    assert third.summaries.underlyings("test", DAYS[0])["underlying"].to_list() == ["ABC", "XYZ"]
    assert third.outdated() == {}
    assert sorted(third.summaries.contracts("test", DAYS[0])["underlying"].unique()) == ["ABC", "XYZ"]
    assert len(snapshots(bucket.objects())) == 2


def test_what_two_machines_are_told_at_once_is_all_kept(machine):
    def news(name: str) -> pl.DataFrame:
        at = datetime(2026, 8, 3, 15, tzinfo=UTC)
        return pl.DataFrame([{"underlying": name, "at": at, "kind": "halt", "what": "halted", "source": "test"}])

    one, two = machine("one"), machine("two")
    one.keep_news(news("ABC"))
    two.keep_news(news("XYZ"))
    moment = datetime(2026, 8, 4, tzinfo=UTC)
    told = machine("three").told_of.news(["ABC", "XYZ"], moment - timedelta(days=2), moment)
    assert told["underlying"].to_list() == ["ABC", "XYZ"]


def test_the_same_recording_imported_by_two_machines_is_stored_once(machine, bucket):
    one, two = machine("one"), machine("two")
    stored(one, built_chain(DAYS[0]))
    stored(two, built_chain(DAYS[0]))
    assert len(snapshots(bucket.objects())) == 1


def test_two_snapshots_of_one_name_are_an_error_that_loses_neither(machine, bucket):
    one, two = machine("one"), machine("two")
    chain = built_chain(DAYS[0])
    with one.writing():
        (path,) = one.snapshots.write(chain, "scan")
    with pytest.raises(StoreError, match="holds something else than was written here") as refused, two.writing():
        two.snapshots.write(chain.with_columns(volume=pl.lit(1, pl.Int64)), "scan")
    (kept,) = (two.path / "set-aside").rglob("*.parquet")
    assert str(kept) in str(refused.value)
    assert pl.read_parquet(kept)["volume"].unique().to_list() == [1]
    assert bucket.objects()[path.relative_to(one.path).as_posix()] == path.read_bytes()


def busy_for(times: int) -> object_stores.Fault:
    left = [times]

    def fault(method: str, path: str) -> str | None:
        left[0] -= 1
        return "busy" if left[0] >= 0 else None

    return fault


def test_a_store_that_is_busy_for_a_moment_costs_nothing(machine, line, bucket):
    store = machine("one")
    line.fault = busy_for(3)
    stored(store, built_chain(DAYS[0]))
    assert len(snapshots(bucket.objects())) == 1


def test_what_a_busy_store_does_not_take_waits_and_is_sent_with_the_next_writing(machine, line, bucket):
    store = machine("one")
    line.fault = lambda method, path: "busy"
    with pytest.raises(StoreUnreachableError, match=r"503 SlowDown.*2 files kept in .*sent with the next writing"):
        stored(store, built_chain(DAYS[0]))
    assert store.snapshots.sessions("test") == DAYS[:1]
    assert store.mirror.waiting() == 2  # and what says that here is a store
    line.fault = object_stores.none
    stored(store, built_chain(DAYS[1]))
    assert len(snapshots(bucket.objects())) == 2
    assert store.mirror.waiting() == 0


@pytest.mark.parametrize("fault", ["reset", "deaf"])
def test_a_connection_that_breaks_while_a_file_is_put_leaves_it_there_once_and_whole(machine, line, bucket, fault):
    store = machine("one")
    broken = []

    def once(method: str, path: str) -> str | None:
        if method == "PUT" and "snapshots" in path and not broken:
            broken.append(path)
            return fault
        return None

    line.fault = once
    try:
        stored(store, built_chain(DAYS[0]))
    except StoreUnreachableError:
        with store.writing():
            """Sent again."""
    assert broken
    (key,) = snapshots(bucket.objects())
    assert bucket.objects()[key] == (store.path / key).read_bytes()


def test_an_answer_cut_in_half_is_asked_for_again(machine, line):
    stored(machine("one"), built_chain(DAYS[0]))
    broken = []

    def once(method: str, path: str) -> str | None:
        if method == "GET" and "snapshots" in path and "list-type" not in path and not broken:
            broken.append(path)
            return "half"
        return None

    line.fault = once
    try:
        there = machine("two", read_only=True)
    except StoreUnreachableError:
        there = machine("two", read_only=True)
    assert broken
    assert there.snapshots.newest("test", DAYS[0]).height == built_chain(DAYS[0]).height


def test_a_file_that_comes_a_byte_at_a_time_is_waited_for_so_long_and_that_is_said(machine, line, monkeypatch):
    stored(machine("one"), built_chain(DAYS[0]))
    monkeypatch.setattr(objects, "_REQUEST", "1 s")
    monkeypatch.setattr(objects, "_RETRIES", 1)
    line.fault = lambda method, path: "slow" if "snapshots" in path and "list-type" not in path else None
    line.seen.clear()
    with pytest.raises(StoreUnreachableError, match=r"cannot be read now \(no whole answer in 1 s\); try again later"):
        machine("two", read_only=True)
    assert line.count("GET", "snapshots/") == 2
    # Nothing of it is there, and it comes whole the next time.
    line.fault = object_stores.none
    assert machine("two", read_only=True).snapshots.sessions("test") == DAYS[:1]


def process(bucket: Bucket, home: Path, endpoint: str, *words: str) -> subprocess.Popen[str]:
    environment = {**os.environ, **bucket.environment(endpoint), "HOME": str(home)}
    command = [sys.executable, "-m", "scanner", *words, "--store", bucket.url]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def written(folder: Path, *days: date) -> Path:
    folder.mkdir(parents=True)
    for day in days:
        named = ("underlying", "expiry", "strike", "right", "volume", "open_interest", "bid", "ask")
        chain = built_chain(day).select(named)
        chain.with_columns(session_date=pl.lit(day)).write_csv(folder / f"{day}.csv")
    return folder


@pytest.mark.slow
def test_a_writer_killed_in_the_middle_of_a_file_leaves_nothing_of_it_and_the_next_one_sends_it(
    bucket, tmp_path, monkeypatch
):
    recorded = written(tmp_path / "recorded", *DAYS)
    with object_stores.line_to(bucket.endpoint) as (line, url):
        line.fault = lambda method, path: "stuck" if method == "PUT" and line.count("PUT", "snapshots") else None
        killed = process(bucket, tmp_path / "one", url, "import", str(recorded))
        assert line.stuck.wait(120)
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
    left = bucket.objects()
    assert len(snapshots(left)) == 1
    monkeypatch.setenv("HOME", str(tmp_path / "two"))
    seen = open_store(store_place(bucket.url), read_only=True)
    assert [path.name for path in seen.snapshots.files()] == [Path(key).name for key in snapshots(left)]
    again = process(bucket, tmp_path / "one", bucket.endpoint, "import", str(recorded))
    out, err = again.communicate(timeout=120)
    assert again.returncode == 0, out + err
    held = bucket.objects()
    assert len(snapshots(held)) == len(DAYS)
    assert len([key for key in held if key.startswith("summaries/")]) == 2 * len(DAYS)


@pytest.mark.slow
def test_two_processes_of_two_machines_that_import_the_same_at_once_store_each_chain_once(bucket, tmp_path):
    recorded = written(tmp_path / "recorded", *DAYS)
    both = [process(bucket, tmp_path / name, bucket.endpoint, "import", str(recorded)) for name in ("one", "two")]
    for ran in both:
        out, err = ran.communicate(timeout=240)
        assert ran.returncode == 0, out + err
    held = bucket.objects()
    assert len(snapshots(held)) == len(DAYS)
    assert len([key for key in held if key.startswith("summaries/")]) == 2 * len(DAYS)


def test_a_bucket_that_is_not_there_is_named(bucket, monkeypatch, tmp_path):
    with pytest.raises(StoreError, match="there is no bucket nobody-made-this; make it, or mend the URL"):
        open_store(store_place("s3://nobody-made-this/desk"))


def test_a_prefix_without_a_store_is_said_to_be_none_and_becomes_one_with_the_first_writing(machine, bucket):
    bucket.put("notes/readme.txt", b"another's")
    with pytest.raises(StoreMissingError, match=rf"no store at {bucket.url}"):
        machine("one", read_only=True)
    stored(machine("one"), built_chain(DAYS[0]))
    assert bucket.objects()["notes/readme.txt"] == b"another's"
    assert not (machine("one").path / "notes").exists()


def test_no_object_is_fetched_to_a_place_outside_the_folder(machine, bucket, tmp_path):
    stored(machine("one"), built_chain(DAYS[0]))
    bucket.put("snapshots/test/..\\evil.parquet", b"x")
    machine("two")
    bucket.put("snapshots/../../../../evil.parquet", b"x")
    with pytest.raises(StoreError, match=r"cannot be listed.*evil\.parquet"):
        machine("three")
    assert not list(tmp_path.rglob("*evil*"))


def test_wrong_credentials_are_said_to_be_wrong_and_not_repeated(bucket):
    with object_stores.refusing_strangers(bucket.endpoint), pytest.raises(StoreError) as refused:
        open_store(store_place(bucket.url))
    assert "access denied (403 InvalidAccessKeyId); look at the credentials" in str(refused.value)
    assert object_stores.KEY not in str(refused.value)
    assert object_stores.SECRET not in str(refused.value)


def test_without_credentials_it_is_said_which_are_looked_for(bucket, monkeypatch):
    # Where a machine of a cloud would be asked: nobody answers there.
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.2:9/none")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StoreError, match="no credentials were found; give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        open_store(store_place(bucket.url))


@pytest.mark.parametrize(
    "url", [f"s3://{object_stores.KEY}:hidden@bucket/desk", "s3://bucket/desk?secret=hidden", "s3://bucket/desk#hidden"]
)
def test_credentials_in_a_url_are_refused_and_not_repeated(url, tmp_path, monkeypatch, capsys):
    with pytest.raises(UsageError, match="credentials and settings come from the environment") as refused:
        store_place(url)
    assert "hidden" not in str(refused.value)
    (tmp_path / "config.yaml").write_text(f"store: {{path: '{url}'}}\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    run = Commands(monkeypatch, capsys)
    for words in (("store", "info", "--store", url), ("store", "info")):
        ran = run(*words)
        assert ran.code == 2
        assert "hidden" not in ran.out + ran.err


@pytest.mark.parametrize("url", ["http://host/desk", "ftp://host/desk", "s3:/bucket/desk", "s3://", "s3://bucket/../x"])
def test_other_urls_are_refused_in_words_that_mend_them(url):
    with pytest.raises(UsageError, match="s3://bucket/prefix"):
        store_place(url)


def test_folders_are_what_they_were_and_prefixes_are_told_by_their_scheme():
    assert store_place("some/folder") == Path("some/folder")
    assert store_place(r"C:\stores\one") == Path(r"C:\stores\one")
    assert store_place("gs://bucket/a/b/") == ObjectPrefix("gs", "bucket", "a/b")
    assert str(store_place("S3://bucket//a")) == "s3://bucket/a"
    assert store_place("s3://one").mirror != store_place("s3://two").mirror


def test_mirrors_lie_in_the_folder_that_the_environment_names(bucket, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SCANNER_MIRRORS", str(tmp_path / "volume"))
    run = Commands(monkeypatch, capsys)
    assert run("import", written(tmp_path / "recorded", DAYS[0]), "--store", bucket.url).code == 0
    (mirror,) = (tmp_path / "volume").iterdir()
    assert len(list(mirror.glob("snapshots/*/*/*.parquet"))) == 1
    assert str(mirror) in run("store", "info", "--store", bucket.url, "--format", "json").out
    assert not (Path.home() / ".local").exists()


def test_pruning_removes_snapshots_below_the_prefix_and_other_machines_let_go_of_them(machine, bucket):
    stored(machine("one"), *map(built_chain, DAYS))
    other = machine("two")
    assert len(list(other.snapshots.files())) == 3
    now = datetime(2026, 8, 6, tzinfo=UTC)
    gone = maintenance.prune(machine("one"), timedelta(days=2), now)
    assert len(gone) == 1
    assert len(snapshots(bucket.objects())) == 2
    after = machine("two")
    assert after.snapshots.sessions("test") == DAYS[1:]
    assert after.summaries.sessions("test") == DAYS


def test_a_prefix_that_was_emptied_empties_no_machine(machine, bucket):
    store = machine("one")
    stored(store, built_chain(DAYS[0]))
    for key in bucket.objects():
        bucket.delete(key)
    with pytest.raises(StoreError, match="holds no store any more"):
        machine("one")
    assert len(list(store.snapshots.files())) == 1


def test_while_the_store_does_not_answer_what_was_fetched_is_used_and_that_is_said(machine, line, caplog):
    stored(machine("one"), built_chain(DAYS[0]))
    line.fault = lambda method, path: "busy"
    with pytest.raises(StoreUnreachableError):
        machine("two", read_only=True)
    with caplog.at_level(logging.WARNING):
        store = machine("one", read_only=True)
    assert store.snapshots.sessions("test") == DAYS[:1]
    assert "cannot be listed now (503 SlowDown)" in caplog.text


def test_a_file_damaged_on_one_machine_is_fetched_again(machine, bucket):
    store = machine("one")
    stored(store, built_chain(DAYS[0]))
    (path,) = store.snapshots.files()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    found = maintenance.verify(machine("one"))
    assert "is fetched again" in found.damaged[0]
    assert path.read_bytes() == whole
    assert maintenance.verify(machine("one")).whole


def test_a_file_damaged_below_the_prefix_is_set_aside_and_let_go_of(machine, bucket):
    store = machine("one")
    stored(store, *map(built_chain, DAYS[:2]))
    key = snapshots(bucket.objects())[0]
    bucket.put(key, bucket.objects()[key][:500])
    found = maintenance.verify(machine("one"))
    assert [path.name for path in found.set_aside] == [Path(key).name]
    assert key not in bucket.objects()


def test_commands_say_the_url(bucket, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path / "one"))
    run = Commands(monkeypatch, capsys)
    imported = run("import", written(tmp_path / "recorded", *DAYS), "--store", bucket.url)
    assert imported.code == 0, imported.err
    for words in (("store", "info"), ("status",), ("doctor", "--offline", "--no-color")):
        assert bucket.url in run(*words, "--store", bucket.url).out.replace("\n      ", "")
    monkeypatch.setenv("HOME", str(tmp_path / "two"))
    source = ("--source", "files", "--path", written(tmp_path / "next", date(2026, 8, 6)))
    scanned = run("scan", *source, "--store", bucket.url, "--format", "json")
    assert scanned.code == 0, scanned.err
    assert "1 of 10 sessions" not in scanned.out
    assert "3 of 10 sessions" in scanned.out
    assert len(snapshots(bucket.objects())) == 4
