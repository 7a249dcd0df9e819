"""Files that TSets are written to: complete or absent, kept on a restart, never another program's."""

from __future__ import annotations

import csv
import os
import uuid
from collections import namedtuple
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dask
import fsspec
import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

from dtset import ConfigurationError, TSetEnvironment, UsageError

Point = namedtuple("Point", "x y")


@pytest.fixture(params=["local", "memory", "s3"])
def target(request, tmp_path):
    """URL of a folder, options, and the file system it is in."""
    if request.param == "local":
        return str(tmp_path / "out [1]"), {}, fsspec.filesystem("file")
    if request.param == "memory":
        return f"memory://{uuid.uuid4().hex}/out", {}, fsspec.filesystem("memory")
    options = request.getfixturevalue("s3_options")
    return f"{request.getfixturevalue('s3_url')}/out", options, fsspec.filesystem("s3", **options)


def names(target):
    url, _, fs = target
    fs.invalidate_cache()
    return sorted(path.rpartition("/")[2] for path in fs.ls(fs._strip_protocol(url), detail=False))


def content(target, name):
    url, _, fs = target
    return fs.cat_file(f"{fs._strip_protocol(url)}/{name}").decode()


def run(store, target, *, letters="abcde", calls=None, overwrite=False, job_id="writes", n=2):
    def noted(letter):
        if calls is not None:
            calls.append(letter)
        return letter

    url, options, _ = target
    with TSetEnvironment(store=store, cluster="synchronous", job_id=job_id) as env:
        tset = env.parallelize(list(letters), n).map(noted)
        if calls is not None:
            tset = env.parallelize(list(letters), n).map(Noted())
        tset.write_text(url, overwrite=overwrite, storage_options=options)


class Noted:
    """Notes in a file beside the store what it is called with."""

    def __call__(self, letter):
        with open(os.environ["NOTED"], "a") as file:
            file.write(letter)
        return letter


@pytest.fixture
def noted(tmp_path, monkeypatch):
    monkeypatch.setenv("NOTED", str(tmp_path / "noted"))
    (tmp_path / "noted").touch()
    return tmp_path / "noted"


def test_texts_are_written_a_file_a_partition_and_kept_on_a_restart(store, target, noted):
    for _ in range(2):
        run(store, target, calls=[])
        assert names(target) == ["part-00000.txt", "part-00001.txt"]
        assert [content(target, name) for name in names(target)] == ["a\nb\n", "c\nd\ne\n"]
    assert noted.read_text() == "abcde"
    url, _, fs = target
    path = f"{fs._strip_protocol(url)}/part-00001.txt"
    fs.pipe_file(path, b"c\nx\ne\n")
    run(store, target, calls=[])
    assert content(target, "part-00001.txt") == "c\nd\ne\n"
    fs.rm_file(f"{fs._strip_protocol(url)}/part-00000.txt")
    run(store, target, calls=[])
    assert content(target, "part-00000.txt") == "a\nb\n"
    assert noted.read_text() == "abcdecdeab"


def test_files_of_others_are_in_the_way_unless_they_are_to_go(store, target, noted):
    run(store, target, n=4)
    for change in ({"letters": "xyz"}, {"job_id": "another"}, {"n": 2}):
        with pytest.raises(UsageError, match="did not write in this job"):
            run(store, target, **change)
    assert len(names(target)) == 4
    url, _, fs = target
    fs.pipe_file(f"{fs._strip_protocol(url)}/notes.md", b"mine")
    with pytest.raises(UsageError, match=r"notes\.md"):
        run(store, target, n=4)
    run(store, target, letters="xyz", overwrite=True)
    assert names(target) == ["notes.md", "part-00000.txt", "part-00001.txt"]
    assert content(target, "part-00001.txt") == "y\nz\n"


def test_what_is_read_is_not_removed_to_be_written(store, target):
    url, options, _ = target
    run(store, target)
    with TSetEnvironment(store=store, cluster="synchronous", job_id="another") as env:
        lines = env.read_text(f"{url}/part-*.txt", 1, storage_options=options).map(str.upper)
        with pytest.raises(UsageError, match=r"part-00000\.txt.*another folder, or persist\(\)"):
            lines.write_text(url, overwrite=True, storage_options=options)
        assert content(target, "part-00000.txt") == "a\nb\n"
        lines.persist().write_text(url, overwrite=True, storage_options=options)
        assert content(target, "part-00000.txt").startswith("A\nB\n")


def test_what_fails_leaves_nothing_of_itself(store, target):
    url, options, _ = target
    with TSetEnvironment(store=store, cluster="synchronous", job_id="fails") as env:
        tset = env.range(4, parallelism=2).map(lambda i: str(6 // (3 - i)))
        with pytest.raises(ZeroDivisionError):
            tset.write_text(url, storage_options=options)
        assert names(target) == ["part-00000.txt"]
        with pytest.raises(TypeError, match=r"write_text\(\) takes texts; this is int 0") as caught:
            env.range(2).write_text(f"{url}2", storage_options=options)
        assert "in write_text, partition 0" in "".join(caught.value.__notes__)
        for nothing in ("", None, []):
            with pytest.raises(
                ConfigurationError, match=r"write_text\(\) takes the URL of one folder"
            ):
                tset.write_text(nothing)


def test_csv_has_a_header_in_each_file(env, tmp_path):
    rows = [Point(1, 'a "b", c'), Point(2, None), Point(0.5, "d\ne")]
    env.parallelize(rows, 2).write_csv(tmp_path / "points")
    for number, expected in enumerate(([rows[0]], rows[1:])):
        with open(tmp_path / "points" / f"part-{number:05d}.csv", newline="") as file:
            header, *found = csv.reader(file)
        assert header == ["x", "y"]
        assert found == [[str(row.x), "" if row.y is None else row.y] for row in expected]
    env.parallelize([{"b": 1, "a": 2}, {"a": 3, "b": 4}], 1).write_csv(tmp_path / "dicts")
    assert (tmp_path / "dicts" / "part-00000.csv").read_text() == "b,a\n1,2\n4,3\n"
    env.parallelize([(1, 2)], 1).write_csv(tmp_path / "tuples")
    assert (tmp_path / "tuples" / "part-00000.csv").read_text() == "0,1\n1,2\n"
    with pytest.raises(TypeError, match="rows with the same columns"):
        env.parallelize([{"a": 1}, {"b": 1}], 1).write_csv(tmp_path / "odd")
    with pytest.raises(TypeError, match="takes named tuples, dicts or tuples"):
        env.range(2).write_csv(tmp_path / "ints")
    assert list((tmp_path / "odd").iterdir()) == []


def test_parquet_comes_back_as_it_was(env, tmp_path):
    rows = [{"n": i, "half": i / 2, "word": None if i < 300 else str(i)} for i in range(1000)]
    frame = pd.DataFrame(rows)
    env.parallelize(rows, 3).write_parquet(tmp_path / "frame")
    found = pd.concat(
        map(pd.read_parquet, sorted((tmp_path / "frame").iterdir())), ignore_index=True
    )
    assert found["n"].tolist() == frame["n"].tolist()
    assert found["half"].tolist() == frame["half"].tolist()
    assert found["word"][999] == "999"
    assert found["word"].isna().sum() == 300


def test_what_ends_lines_for_readers_is_quoted(env, tmp_path):
    rows = [{"a": text, "b": "x"} for text in ("one\rtwo", "\r\n", "\n", '"', ",", "", "\r")]
    env.parallelize(rows, 1).write_csv(tmp_path / "out")
    with open(tmp_path / "out" / "part-00000.csv", newline="") as file:
        assert list(csv.DictReader(file)) == rows


def test_keys_that_are_one_column_are_refused(env, tmp_path):
    with pytest.raises(TypeError, match="differ as text") as caught:
        env.parallelize([{1: "a", "1": "b"}], 1).write_csv(tmp_path / "out")
    assert "in write_csv, partition 0" in "".join(caught.value.__notes__)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_partitions_without_elements_have_the_columns_of_others(store, target, kind):
    url, options, _ = target

    def write():
        with TSetEnvironment(store=store, cluster="synchronous", job_id="gaps") as env:
            rows = env.parallelize([Point(i, str(i)) for i in range(8)], 4)
            few = rows.filter(lambda point: point.x in (2, 6))
            getattr(few, f"write_{kind}")(url, storage_options=options)
            none = rows.filter(lambda point: point.x > 8)
            getattr(none, f"write_{kind}")(f"{url}2", storage_options=options)

    for _ in range(2):
        write()
        assert names(target) == [f"part-0000{n}.{kind}" for n in range(4)]
        read = getattr(pd, f"read_{kind}")
        _, _, fs = target
        frames = []
        for name in names(target):
            with fs.open(f"{fs._strip_protocol(url)}/{name}") as file:
                frames.append(read(file))
        assert [len(frame) for frame in frames] == [0, 1, 0, 1]
        assert [list(frame) for frame in frames] == [["x", "y"]] * 4
        fs.rm_file(f"{fs._strip_protocol(url)}/part-00000.{kind}")
    if kind == "parquet" and url.startswith("/"):
        write()
        assert pd.read_parquet(url)["x"].tolist() == [2, 6]


AT = pd.Timestamp("2020-01-01 00:00:00.000000001")


@pytest.mark.parametrize(
    "values",
    [
        [AT, pd.NaT],
        [AT.tz_localize("Europe/Berlin"), None],
        [pd.Timedelta(1), timedelta(1)],
        [datetime(2020, 1, 1), AT],
        [np.int64(1), pd.NA],
        [date(2020, 1, 1), None],
        [np.datetime64("2020-01-01T00:00:00.000000001"), np.datetime64("NaT", "ns")],
        [float("nan"), None, 1.5],
    ],
)
def test_values_of_pandas_come_back_from_parquet(env, tmp_path, values):
    env.parallelize([(value,) for value in values], 1).write_parquet(tmp_path / "out")
    found = parquet.read_table(tmp_path / "out")["0"].to_pylist()
    for one, value in zip(found, values, strict=True):
        assert one == value or (pd.isna(value) and pd.isna(one))


@pytest.mark.parametrize(
    "values",
    [
        [date(2020, 1, 1), datetime(2020, 1, 1, 5)],
        [datetime(2020, 1, 1, 5), date(2020, 1, 1)],
        [datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 1)],
        [datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))],
        [1, "a"],
        [2**70],
    ],
)
def test_what_parquet_does_not_hold_is_refused(store, tmp_path, values):
    for size in (1, 8192):
        with (
            dask.config.set({"dtset.batch-size": size}),
            TSetEnvironment(store=store, cluster="synchronous", job_id=f"odd-{size}") as env,
            pytest.raises(TypeError, match="each of one type") as caught,
        ):
            env.parallelize([(value,) for value in values], 1).write_parquet(tmp_path / "out")
        assert "in write_parquet, partition 0" in "".join(caught.value.__notes__)


def test_what_is_below_a_persist_and_an_exchange_is_written_whole_again(store, tmp_path):
    def written(change):
        with TSetEnvironment(store=store, cluster="threads", job_id="below") as env:
            pairs = env.range(20, parallelism=4).key_by(lambda i: i % 5).persist()
            sums = pairs.keyed_reduce(lambda a, b: a + b + change).map(str)
            sums.write_text(tmp_path / "sums", overwrite=True)
        files = sorted((tmp_path / "sums").iterdir())
        return {path.name: path.stat().st_mtime_ns for path in files}

    first = written(0)
    assert written(0) == first
    (tmp_path / "sums" / "part-00002.txt").unlink()
    assert all(time != first[name] for name, time in written(0).items())
    assert len(written(1)) == 4


def test_without_checkpointing_nothing_is_known_again(store, tmp_path):
    def written(overwrite):
        with TSetEnvironment(store=store, cluster="synchronous", checkpointing=False) as env:
            env.parallelize(["a"], 1).write_text(tmp_path / "out", overwrite=overwrite)

    written(False)
    with pytest.raises(UsageError):
        written(False)
    written(True)
    assert (tmp_path / "out" / "part-00000.txt").read_text() == "a\n"


def test_workers_write_and_secrets_stay_out_of_records(store, local_cluster, s3_url, s3_options):
    url = f"{s3_url}/out"
    with TSetEnvironment(store=store, cluster=local_cluster, job_id="workers") as env:
        env.range(6, parallelism=3).map(str).write_text(url, storage_options=s3_options)
        assert env.read_text(f"{url}/*.txt", storage_options=s3_options).map(int).sum() == 15
    for path in Path(store).rglob("*"):
        assert path.is_dir() or b"testing-secret" not in path.read_bytes()
