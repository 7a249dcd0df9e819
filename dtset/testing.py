"""For tests: a suite that every store has to pass, and a store that fails where it is told to."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

from dtset.errors import StoreError
from dtset.storage.objects import Buffer, Entry, ObjectStore, check_writable

__all__ = ["FaultyStore", "StoreTests"]


class FaultyStore:
    """A store that fails at the n-th call that changes it, counted from 1.

    Parameters
    ----------
    store : ObjectStore
        The store behind it.
    fail_at : int or None
        Which call fails; None: none does, and `calls` counts them.
    how : {"before", "torn", "after"}
        Nothing is written; half of an object is, as by a store that is not atomic; or all of it is,
        and only the answer is lost.
    then : {"dead", "alive"}
        Whether all later calls fail too, as after a crash.

    Examples
    --------
    >>> from dtset.storage.opening import open_store
    >>> store = FaultyStore(open_store("memory://doctest-faulty"), fail_at=2)
    >>> store.put("a", b"1")
    >>> store.put("b", b"2")
    Traceback (most recent call last):
    dtset.errors.StoreError: the store fails as it was told to, at call 2: put b
    """

    def __init__(
        self,
        store: ObjectStore,
        fail_at: int | None = None,
        *,
        how: Literal["before", "torn", "after"] = "before",
        then: Literal["dead", "alive"] = "dead",
    ) -> None:
        self._store = store
        self._fail_at = fail_at
        self._how = how
        self._then = then
        self._lock = threading.Lock()
        self.calls: list[str] = []

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=threading.Lock())

    @property
    def url(self) -> str:
        """The URL of the store behind it."""
        return self._store.url

    def get(self, path: str) -> bytes:
        """Return an object's bytes, unless the store is dead."""
        self._check_alive(f"get {path}")
        return self._store.get(path)

    def get_range(self, path: str, start: int, end: int) -> bytes:
        """Return some of an object's bytes, unless the store is dead."""
        self._check_alive(f"get {path}")
        return self._store.get_range(path, start, end)

    def copy(self, source: str, target: str) -> None:
        """Copy an object, or fail."""
        self._change(f"copy {source}", lambda: self._store.copy(source, target))

    def list(self, prefix: str) -> list[Entry]:
        """Return the objects below a prefix, unless the store is dead."""
        self._check_alive(f"list {prefix}")
        return self._store.list(prefix)

    def folders(self, prefix: str) -> Sequence[str]:
        """Return the names of the folders directly below a prefix, unless the store is dead."""
        self._check_alive(f"list {prefix}")
        return self._store.folders(prefix)

    def put(self, path: str, data: Buffer, *, durable: bool = False) -> None:
        """Write an object, or fail."""
        self._change(
            f"put {path}",
            lambda: self._store.put(path, data, durable=durable),
            lambda: self._store.put(path, bytes(data)[: len(data) // 2]),
        )

    def create(self, path: str, data: bytes) -> bool:
        """Write an object unless there is one, or fail."""
        return bool(
            self._change(
                f"create {path}",
                lambda: self._store.create(path, data),
                lambda: self._store.create(path, data[: len(data) // 2]),
            )
        )

    def delete(self, prefix: str) -> None:
        """Delete the objects below a prefix, or fail."""
        self._change(f"delete {prefix}", lambda: self._store.delete(prefix))

    def sync(self, prefix: str) -> None:
        """Make durable what was written below a prefix, or fail."""
        self._change(f"sync {prefix}", lambda: self._store.sync(prefix))

    def _check_alive(self, call: str) -> None:
        if self._then == "dead" and self._fail_at is not None and len(self.calls) >= self._fail_at:
            raise StoreError(f"the store is dead since call {self._fail_at}: {call}")

    def _change(
        self, call: str, change: Callable[[], object], tear: Callable[[], object] | None = None
    ) -> object:
        with self._lock:
            self._check_alive(call)
            self.calls.append(call)
            failing = len(self.calls) == self._fail_at
        if not failing:
            return change()
        if self._how == "after":
            change()
        elif self._how == "torn" and tear is not None:
            tear()
        raise StoreError(f"the store fails as it was told to, at call {self._fail_at}: {call}")


class StoreTests:
    """What every store has to do. Subclass it, with a fixture ``store`` that gives an empty one.

    Examples
    --------
    ::

        class TestMyStore(StoreTests):
            @pytest.fixture
            def store(self, tmp_path):
                return MyStore(tmp_path)
    """

    def test_gives_back_what_was_put(self, store: ObjectStore) -> None:
        """Bytes of any kind, of any bytes-like type, at any depth."""
        for path, data in {
            "a": b"",
            "b/c/d": bytes(range(256)),
            "b/ü x": b"\0" * 3_000_000,
        }.items():
            store.put(path, data)
            assert store.get(path) == data
        store.put("view", memoryview(b"abcdef")[2:4])
        store.put("array", bytearray(b"xyz"))
        assert (store.get("view"), store.get("array")) == (b"cd", b"xyz")

    def test_gives_ranges(self, store: ObjectStore) -> None:
        """From a byte to another; what is after the end is left out."""
        store.put("a/b", b"0123456789")
        for start, end in [(0, 10), (3, 5), (8, 20), (4, 4)]:
            assert store.get_range("a/b", start, end) == b"0123456789"[start:end]
        try:
            found = store.get_range("a/c", 0, 1)
        except FileNotFoundError:
            return
        raise AssertionError(f"found {found!r} where nothing is")

    def test_put_replaces(self, store: ObjectStore) -> None:
        """A longer object by a shorter one, durably or not."""
        for data in (b"long enough", b"short", b""):
            store.put("a/b", data, durable=data == b"short")
            assert store.get("a/b") == data
        assert [entry.path for entry in store.list("")] == ["a/b"]

    def test_absent_objects_are_not_found(self, store: ObjectStore) -> None:
        """Also folders, and paths below objects."""
        store.put("folder/object", b"1")
        for path in ("absent", "folder", "folder/absent", "folder/object/below"):
            try:
                found = store.get(path)
            except FileNotFoundError:
                continue
            raise AssertionError(f"{path}: expected FileNotFoundError, got {found!r}")

    def test_a_copy_is_an_object_of_its_own(self, store: ObjectStore) -> None:
        """It stays when the original is replaced or deleted; of nothing there is none."""
        store.put("a/b", b"first")
        store.copy("a/b", "c/d/e")
        store.put("a/b", b"second")
        assert (store.get("c/d/e"), store.get("a/b")) == (b"first", b"second")
        store.delete("a")
        store.sync("c")
        assert store.get("c/d/e") == b"first"
        try:
            store.copy("a/b", "c/f")
        except FileNotFoundError:
            assert [entry.path for entry in store.list("")] == ["c/d/e"]
            return
        raise AssertionError("copied what is not there")

    def test_create_is_exclusive(self, store: ObjectStore) -> None:
        """The first one stands, by whatever call it was written."""
        assert store.create("a/record", b"first")
        assert not store.create("a/record", b"second")
        store.put("a/other", b"put")
        assert not store.create("a/other", b"created")
        assert (store.get("a/record"), store.get("a/other")) == (b"first", b"put")
        store.delete("a/record")
        assert store.create("a/record", b"third")

    def test_one_of_many_creates_wins(self, store: ObjectStore) -> None:
        """Several threads, one path, again and again: one winner each time, whose bytes are there."""
        with ThreadPoolExecutor(6) as threads:
            for turn in range(5):
                bids = [f"{turn} {bidder} ".encode() * 2000 for bidder in range(6)]
                path = f"records/{turn}"
                won = list(threads.map(lambda bid, path=path: store.create(path, bid), bids))
                assert won.count(True) == 1, won
                assert store.get(path) == bids[won.index(True)]
        assert len(store.list("records")) == 5

    def test_lists_what_is_below_a_prefix(self, store: ObjectStore) -> None:
        """Recursively, sorted, with sizes; a prefix is a folder and not the start of a name."""
        for path in ("x/b", "x/a/c", "xy/d", "x-", "z"):
            store.put(path, path.encode())
        assert store.list("x") == [Entry("x/a/c", 5), Entry("x/b", 3)]
        assert [entry.path for entry in store.list("")] == ["x-", "x/a/c", "x/b", "xy/d", "z"]
        assert store.list("z") == [Entry("z", 1)]
        assert store.list("absent") == store.list("x/absent/deeper") == []

    def test_names_the_folders_directly_below_a_prefix(self, store: ObjectStore) -> None:
        """Sorted, each once, neither objects nor deeper folders."""
        for path in ("x/b", "x/c/d", "x/c/e/f", "x/a/g", "xy/h", "z"):
            store.put(path, b"1")
        assert store.folders("x") == ["a", "c"]
        assert store.folders("") == ["x", "xy"]
        assert store.folders("x/c/e") == store.folders("z") == store.folders("absent/deeper") == []
        store.put("absent/now/i", b"1")
        assert store.folders("absent") == ["now"]

    def test_a_listing_shows_what_was_written_after_the_last(self, store: ObjectStore) -> None:
        """Also what another store object wrote."""
        other = pickle.loads(pickle.dumps(store))
        assert store.list("a") == []
        other.put("a/b", b"1")
        assert [entry.path for entry in store.list("a")] == ["a/b"]
        other.delete("a")
        assert store.list("a") == []

    def test_delete_takes_what_is_below_a_prefix(self, store: ObjectStore) -> None:
        """Objects and folders, and nothing whose name only starts alike."""
        for path in ("x/b", "x/a/c", "xy/d", "z"):
            store.put(path, b"1")
        store.delete("x")
        store.delete("z")
        store.delete("absent/deeper")
        assert [entry.path for entry in store.list("")] == ["xy/d"]

    def test_sync_takes_any_prefix(self, store: ObjectStore) -> None:
        """Written, rewritten, deleted or absent."""
        store.put("a/b/c", b"1")
        store.put("a/d", b"1")
        store.delete("a/d")
        for prefix in ("a/b", "a", "absent", ""):
            store.sync(prefix)
        assert store.get("a/b/c") == b"1"

    def test_paths_stay_below_the_url(self, store: ObjectStore) -> None:
        """What leads out of the store, or means the whole of it, is refused."""
        calls: list[tuple[Callable[[str], object], tuple[str, ...]]] = [
            (store.get, ("../a", "/a", "a//b", "a/../b", ".", "")),
            (store.delete, ("", "..", "a/")),
            (lambda path: store.put(path, b""), ("", "../a")),
        ]
        for call, paths in calls:
            for path in paths:
                try:
                    call(path)
                except StoreError:
                    continue
                raise AssertionError(f"{path!r} was taken")

    def test_travels_by_pickle(self, store: ObjectStore) -> None:
        """A copy sees the same objects, under the same URL."""
        store.put("a", b"1")
        copy = pickle.loads(pickle.dumps(store))
        assert (copy.url, copy.get("a")) == (store.url, b"1")

    def test_is_writable(self, store: ObjectStore) -> None:
        """The check leaves nothing behind."""
        check_writable(store)
        assert store.list("") == []
