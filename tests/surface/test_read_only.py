"""Stores that one may only read, and stores that several users share."""

from __future__ import annotations

import errno
import logging
import os
import stat
import sysconfig
import tempfile
import uuid
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from dtset import StoreError, TSetEnvironment
from dtset.storage import local_store
from dtset.storage.opening import open_store


class ReadOnlyMemory(MemoryFileSystem):
    """What ``memory://`` holds, to be read only."""

    protocol = "readonlymemory"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.removeprefix("readonly"))

    def _refuse(self, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "this may only be read")

    pipe_file = rm = rm_file = makedirs = mkdir = _refuse


fsspec.register_implementation("readonlymemory", ReadOnlyMemory, clobber=True)


@pytest.fixture(params=["local", "fsspec"])
def places(request, tmp_path):
    """The URLs of a store to be filled, and of the same when it may only be read."""
    if request.param == "local":
        return str(tmp_path / "store"), str(tmp_path / "store")
    name = uuid.uuid4().hex
    return f"memory://{name}", f"readonlymemory://{name}"


@pytest.fixture
def read_only(monkeypatch):
    """Let the file system refuse what changes it, as a mount does that may only be read."""

    def refusing(call, refused):
        def instead(path, *arguments, **named):
            if refused(*arguments):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
            return call(path, *arguments, **named)

        return instead

    def begin():
        writes = os.O_WRONLY | os.O_RDWR
        monkeypatch.setattr(
            local_store.os, "open", refusing(os.open, lambda flags=0, *_: flags & writes)
        )
        for name in ("makedirs", "unlink", "rename", "link"):
            unless_there = (lambda *_: True) if name != "makedirs" else (lambda *_: False)
            monkeypatch.setattr(local_store.os, name, refusing(getattr(os, name), unless_there))

    return begin


def environment(url, **arguments):
    return TSetEnvironment(store=url, job_id="job", cluster="synchronous", **arguments)


def square(i):
    return i * i


def test_a_store_that_may_only_be_read_serves_what_it_has(places, read_only, caplog):
    filled, url = places
    with environment(filled, parallelism=3) as env:
        env.range(6).map(square).persist("squares")
        env.update_variable("epoch", env.init_variable("epoch", 0) + 1)
        env.commit()
    read_only()
    calls = []
    with caplog.at_level(logging.WARNING), environment(url) as env:
        squares = env.range(6).map(square).persist("squares")
        assert (squares.hit, squares.partitions) == (True, 3)
        assert squares.collect() == [0, 1, 4, 9, 16, 25]
        assert env.persisted("squares").reduce(max).first() == 25
        # More than goes into a graph by itself.
        large = env.parallelize([bytes(1000)] * 2000)
        assert large.count() == 2000
        assert env.init_variable("epoch", 0) == 1
        for persist in (env.range(7).map(calls.append), env.range(3)):
            with pytest.raises(StoreError, match="nothing was computed"):
                persist.persist()
        assert "squares: hit" in str(env.plan(env.range(6).map(square).lazy_persist("squares")))
        with pytest.raises(StoreError):
            env.commit()
    assert calls == []
    assert caplog.text.count("is not recorded") == 1


def test_a_store_that_may_only_be_read_serves_what_a_run_left_that_died(places, read_only):
    filled, url = places
    with environment(filled, parallelism=2) as env:
        env.range(6).map(square).persist("squares")
        env.init_variable("epoch", 5)
        env.commit()
        (job,) = (
            entry.path
            for entry in env._session._store.list("job")
            if entry.path.endswith("job.json")
        )
        env._session._store.put(job, b"torn")
        for entry in env._session._store.list("job/runs"):
            if "/commits/" in entry.path:
                env._session._store.delete(entry.path)
    read_only()
    with environment(url) as env:
        assert env.range(6).map(square).persist("squares").hit is True
        assert env.init_variable("epoch", 0) == 5


def test_a_store_that_may_only_be_read_and_has_no_such_job_is_an_error(places, read_only):
    filled, url = places
    open_store(filled)
    read_only()
    with pytest.raises(StoreError, match=r"cannot (write|create)"):
        environment(url)


def test_without_checkpointing_nothing_is_computed_that_cannot_be_written(places, read_only):
    filled, url = places
    environment(filled).close()
    read_only()
    calls = []
    with environment(url, checkpointing=False) as env:
        with pytest.raises(StoreError, match="nothing was computed"):
            env.range(3).map(calls.append).persist()
        assert env.range(3).collect() == [0, 1, 2]
    assert calls == []


def modes(store: Path) -> dict[str, set[int]]:
    paths = list(store.rglob("*"))
    return {
        "folders": {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_dir()},
        "files": {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_file()},
    }


@pytest.fixture
def umask():
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def persist_and_commit(store):
    with environment(store) as env:
        env.range(4, parallelism=2).persist()
        env.init_variable("epoch", 0)
        env.commit()


def test_a_store_that_is_made_is_its_users_alone(tmp_path, umask):
    umask(0)
    persist_and_commit(tmp_path / "above" / "store")
    assert stat.S_IMODE((tmp_path / "above" / "store").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "above").stat().st_mode) == 0o777


@pytest.mark.parametrize(
    ("mask", "folders", "files"), [(0o022, 0o755, 0o644), (0o002, 0o775, 0o664)]
)
def test_the_umask_decides_who_may_write_in_a_folder_that_the_user_made(
    tmp_path, umask, mask, folders, files
):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o2775)
    umask(mask)
    persist_and_commit(shared)
    assert stat.S_IMODE(shared.stat().st_mode) == 0o2775
    assert modes(shared) == {"folders": {0o2000 | folders}, "files": {files}}


@pytest.fixture
def public_folder(monkeypatch):
    """A folder on whose path every user may walk: that of pytest may be below a private one."""
    with tempfile.TemporaryDirectory(prefix="dtset-shared-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        # As for each of the users: temporary files are where they may look.
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may act as two users")
def test_two_users_of_a_group_go_on_with_each_others_jobs(public_folder, umask):
    group = 54321
    shared = public_folder / "store"
    shared.mkdir()
    os.chown(shared, -1, group)
    shared.chmod(0o2770)
    umask(0o002)
    groups = os.getgroups()
    for user, hit in ((54001, False), (54002, True)):
        os.setgroups([group])
        os.seteuid(user)
        try:
            if not os.access(sysconfig.get_path("purelib"), os.R_OK, effective_ids=True):
                pytest.skip("other users may not read where the libraries are")
            with environment(shared) as env:
                assert env.range(4, parallelism=2).persist("old").hit is hit
                assert env.range(user, parallelism=2).persist("new").hit is False
                assert env.init_variable("user", 0) == (54001 if hit else 0)
                env.update_variable("user", user)
                env.commit()
        finally:
            os.seteuid(0)
            os.setgroups(groups)
    assert {path.stat().st_gid for path in shared.rglob("*")} == {group}
