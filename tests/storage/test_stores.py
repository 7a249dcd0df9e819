from __future__ import annotations

import errno
import os
import pickle
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dtset.errors import StoreError
from dtset.storage import local_store
from dtset.storage.fsspec_store import FsspecStore
from dtset.storage.local_store import LocalStore
from dtset.storage.objects import ObjectStore, check_writable
from dtset.storage.opening import open_store
from dtset.testing import FaultyStore, StoreTests


class TestLocalStore(StoreTests):
    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        return LocalStore(str(tmp_path / "store"))


class TestLocalStoreThatDoesNotFlush(StoreTests):
    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        return LocalStore(str(tmp_path / "store"), durable=False)


class TestLocalStoreWithoutLinks(StoreTests):
    @pytest.fixture
    def store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
        def no_link(source: str, target: str) -> None:
            raise OSError(errno.ENOTSUP, "no links here", source)

        monkeypatch.setattr(local_store.os, "link", no_link)
        return LocalStore(str(tmp_path / "store"))


class TestMemoryStore(StoreTests):
    @pytest.fixture
    def store(self) -> ObjectStore:
        return open_store(f"memory://{uuid.uuid4().hex}/below")


class TestS3Store(StoreTests):
    @pytest.fixture
    def store(self, s3_url: str, s3_options: dict[str, object]) -> ObjectStore:
        return open_store(s3_url, s3_options)


class TestFaultyStoreThatDoesNotFail(StoreTests):
    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        return FaultyStore(LocalStore(str(tmp_path / "store")))


@pytest.mark.parametrize("form", ["{}", "file://{}", "local://{}", "{}/"])
def test_local_urls_mean_one_store(tmp_path: Path, form: str) -> None:
    store = open_store(form.format(tmp_path / "store"))
    assert isinstance(store, LocalStore)
    assert store.url == str(tmp_path / "store")


def test_relative_paths_and_home_are_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert open_store("beside").url == str(tmp_path / "beside")
    assert open_store("~/store").url == str(tmp_path / "home/store")


def test_a_store_that_is_not_there_is_made_only_if_wanted(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store at"):
        open_store(str(tmp_path / "store"), create=False)
    assert not (tmp_path / "store").exists()


def test_a_file_in_the_way_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file/store"):
        open_store(str(tmp_path / "file/store"))


@pytest.mark.parametrize(
    ("number", "call"), [(errno.EACCES, "open"), (errno.ENOSPC, "write"), (errno.EROFS, "open")]
)
def test_a_store_that_cannot_be_written_to_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, call: str
) -> None:
    store = LocalStore(str(tmp_path))

    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(local_store.os, call, fail)
        with pytest.raises(StoreError, match=f"{tmp_path}.*{os.strerror(number)}"):
            check_writable(store)
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_file_system_is_a_store_error() -> None:
    with pytest.raises(StoreError, match="/proc/"):
        check_writable(open_store("/proc/self", create=False))


def test_an_unknown_protocol_names_the_way_out() -> None:
    with pytest.raises(StoreError, match=r"nosuch://bucket.*no file system 'nosuch': install"):
        open_store("nosuch://bucket/store")


def test_a_missing_package_is_named() -> None:
    code = (
        "import sys; sys.modules['s3fs'] = None\n"
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 's3fs' else find(name, *rest)\n"
        "from dtset.storage.opening import open_store\n"
        "from dtset.errors import StoreError\n"
        "try: open_store('s3://bucket/x', {'secret': 'hush-hush'})\n"
        "except StoreError as error: print(error)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'dtset[s3]'" in out.stdout
    assert "hush-hush" not in out.stdout + out.stderr


def test_a_bucket_that_is_not_there_is_a_store_error(s3_options: dict[str, object]) -> None:
    store = open_store("s3://no-such-bucket-anywhere/x", s3_options)
    for call in (check_writable, lambda store: store.create("a", b"1")):
        with pytest.raises(StoreError, match="no-such-bucket-anywhere"):
            call(store)


def test_options_are_shown_nowhere(s3_url: str, s3_options: dict[str, object]) -> None:
    store = open_store(s3_url, s3_options)
    shown = repr(store) + str(store) + store.url
    with pytest.raises(StoreError) as caught:
        open_store(s3_url, {**s3_options, "nonsense": "option-value"}).put("a", b"")
    shown += repr(caught.value) + repr(caught.value.__cause__)
    with pytest.raises(StoreError) as caught:
        open_store("memory://user:password@place/x").get("../x")
    shown += repr(caught.value) + open_store("memory://user:password@place/x").url
    for secret in ("testing-key", "testing-secret", "option-value", "password"):
        assert secret not in shown


def test_a_retried_create_meets_its_own_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FsspecStore(f"memory://{uuid.uuid4().hex}")
    written = store._pipe_exclusively

    def answer_lost(key: str, data: bytes) -> None:
        written(key, data)
        raise FileExistsError(key)

    monkeypatch.setattr(store, "_pipe_exclusively", answer_lost)
    assert store.create("record", b"attempt 1")
    assert not store.create("record", b"attempt 2")


def test_s3_refuses_the_second_of_two_conditional_puts(
    s3_url: str, s3_options: dict[str, object]
) -> None:
    store = FsspecStore(s3_url, s3_options)
    store._pipe_exclusively(store._key("record"), b"first")
    with pytest.raises(OSError, match=r"(?i)exist|condition"):
        store._pipe_exclusively(store._key("record"), b"second")
    assert store.get("record") == b"first"


def test_a_claim_left_by_a_dead_process_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_store, "_CLAIM_SECONDS", 0.05)
    store = LocalStore(str(tmp_path))
    store.put("temporary", b"data")
    (tmp_path / f"{local_store._TEMPORARY}claim-record").write_bytes(b"")
    assert local_store._place_by_claim(str(tmp_path / "temporary"), str(tmp_path / "record"))
    assert [entry.path for entry in store.list("")] == ["record"]


def test_temporary_files_are_neither_listed_nor_left(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    (tmp_path / f"{local_store._TEMPORARY}crashed").write_bytes(b"half")
    assert store.list("") == []
    store.create("a/b", b"1")
    store.create("a/b", b"2")
    store.put("a/c", b"3")
    assert sorted(os.listdir(tmp_path / "a")) == ["b", "c"]


def test_sync_flushes_files_and_all_folders_above_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(str(tmp_path / "store"))
    flushed: set[str] = set()
    monkeypatch.setattr(local_store, "_flush", flushed.add)
    store.put("a/b/c", b"1")
    store.put("elsewhere", b"1")
    assert flushed == set()
    store.sync("a/b")
    root = str(tmp_path / "store")
    assert flushed == {f"{root}/a/b/c", f"{root}/a/b", f"{root}/a", root}
    flushed.clear()
    store.sync("a")
    assert flushed == set()
    store.sync("")
    assert flushed == {f"{root}/elsewhere", root}


def test_a_record_and_its_folder_are_flushed_before_create_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync, link = os.fsync, os.link

    def noted_fsync(descriptor: int) -> None:
        order.append(f"fsync {os.readlink(f'/proc/self/fd/{descriptor}')}")
        fsync(descriptor)

    def noted_link(source: str, target: str) -> None:
        order.append("link")
        link(source, target)

    monkeypatch.setattr(local_store.os, "fsync", noted_fsync)
    monkeypatch.setattr(local_store.os, "link", noted_link)
    assert LocalStore(str(tmp_path)).create("parts/0.json", b"1")
    place = order.index("link")
    assert local_store._TEMPORARY in order[place - 1]
    assert f"fsync {tmp_path}/parts" in order[place + 1 :]


def test_one_of_several_processes_creates(tmp_path: Path) -> None:
    code = (
        "import sys; from dtset.storage.local_store import LocalStore\n"
        "store, mine = LocalStore(sys.argv[1]), sys.argv[2].encode() * 10_000\n"
        "print(*(store.create(f'record-{turn}', mine) for turn in range(20)))\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), str(number)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    won = [process.communicate(timeout=60)[0].split() for process in processes]
    store = LocalStore(str(tmp_path))
    for turn, answers in enumerate(zip(*won, strict=True)):
        assert sorted(answers) == ["False", "False", "True"]
        assert store.get(f"record-{turn}") == str(answers.index("True")).encode() * 10_000


def test_threads_share_a_store(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))

    def work(number: int) -> None:
        for each in range(20):
            store.put(f"{number}/{each}", b"x")
        store.sync(str(number))

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(12)))
    assert store._unflushed == {}
    assert len(store.list("")) == 240


@pytest.mark.parametrize("how", ["before", "torn", "after"])
def test_a_faulty_store_fails_as_told(tmp_path: Path, how: str) -> None:
    behind = LocalStore(str(tmp_path))
    store = FaultyStore(behind, fail_at=2, how=how)  # type: ignore[arg-type]
    store.put("a", b"12")
    with pytest.raises(StoreError, match="call 2: put b"):
        store.put("b", b"34")
    with pytest.raises(StoreError, match="dead"):
        store.get("a")
    found = {entry.path: behind.get(entry.path) for entry in behind.list("")}
    assert found == {"a": b"12", **{"before": {}, "torn": {"b": b"3"}, "after": {"b": b"34"}}[how]}
    copy = pickle.loads(pickle.dumps(FaultyStore(behind, fail_at=1, then="alive")))
    with pytest.raises(StoreError):
        copy.delete("a")
    assert copy.get("a") == b"12"
    assert threading.active_count() < 40
