"""Sources of arrays and of Dask's collections: what they give, and what a restart finds of it."""

from __future__ import annotations

import dask
import dask.array
import dask.bag
import dask.dataframe
import numpy as np
import pandas as pd
import pytest
import zarr

from dtset import (
    ConfigurationError,
    FingerprintError,
    SourceChangedError,
    TSetEnvironment,
    UsageError,
)


def opened(store, cluster="synchronous"):
    return TSetEnvironment(store=store, cluster=cluster, job_id="sources", parallelism=3)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("parallelism", [1, 2, 3, 7, 20])
def test_rows_of_a_zarr_array(env, tmp_path, zarr_format, parallelism):
    data = np.arange(17) * 3
    zarr.create_array(tmp_path / "a", data=data, chunks=4, zarr_format=zarr_format)
    tset = env.read_zarr(tmp_path / "a", parallelism)
    assert tset.parallelism == parallelism
    assert tset.collect() == data.tolist()
    assert type(tset.first()) is int
    assert tset.map_batches(lambda batch: batch * 2).sum() == 2 * data.sum()


def test_rows_of_a_zarr_array_of_more_dimensions_are_arrays(env, tmp_path):
    data = np.arange(60, dtype=np.float32).reshape(10, 3, 2)
    zarr.create_array(tmp_path / "a", data=data, chunks=(2, 3, 1), shards=(4, 3, 2))
    rows = env.read_zarr(tmp_path / "a", 2).collect()
    assert np.array_equal(np.stack(rows), data)
    assert rows[0].dtype == np.float32
    zarr.open_group(tmp_path / "group", mode="w")
    with pytest.raises(FileNotFoundError, match="not of a group"):
        env.read_zarr(tmp_path / "group")
    with pytest.raises(FileNotFoundError, match="no Zarr array is at"):
        env.read_zarr(tmp_path)
    zarr.create_array(tmp_path / "scalar", data=np.array(5))
    with pytest.raises(ConfigurationError, match="without dimensions"):
        env.read_zarr(tmp_path / "scalar")


def test_a_changed_chunk_is_seen_and_the_same_array_is_found_again(store, tmp_path):
    array = zarr.create_array(tmp_path / "a", data=np.arange(8), chunks=2)

    def run():
        with opened(store) as env:
            made = env.read_zarr(tmp_path / "a").map(lambda i: i).persist()
            return made.hit, made.sum()

    assert run() == (False, 28)
    assert run() == (True, 28)
    array[7] = 100
    assert run() == (False, 121)


def test_a_chunk_that_changes_while_it_is_read_is_an_error(store, tmp_path):
    array = zarr.create_array(tmp_path / "a", data=np.arange(8), chunks=2)
    with opened(store) as env:
        tset = env.read_zarr(tmp_path / "a", 2)
        array[1] = 5
        with pytest.raises(SourceChangedError, match="changed while it was read"):
            tset.collect()


def test_zarr_on_s3(store, s3_url, s3_options):
    options = {"storage_options": s3_options}
    zarr.create_array(f"{s3_url}/a", data=np.arange(9.0), chunks=3, **options)
    with opened(store) as env:
        assert env.read_zarr(f"{s3_url}/a", **options).sum() == 36.0


def test_zarr_in_memory(store):
    zarr.create_array("memory://zarr-in-memory/a", data=np.arange(9), chunks=3)
    with opened(store) as env:
        assert env.read_zarr("memory://zarr-in-memory/a").collect() == [*range(9)]


def test_rows_of_numpy_arrays_are_taken_as_they_are_now(store):
    numbers, words = np.arange(7), np.array(["a", "bc"] * 3 + ["d"])

    def run(numbers):
        with opened(store) as env:
            made = env.from_numpy((numbers, words)).map(lambda pair: pair).persist()
            assert made.parallelism == 3
            return made.hit, made.collect()

    expected = list(zip(range(7), words.tolist(), strict=True))
    assert run(numbers) == (False, expected)
    assert run(numbers.copy()) == (True, expected)
    assert run(numbers + 1)[0] is False
    with opened(store) as env:
        array = np.arange(3)
        tset = env.from_numpy(array)
        array[:] = 0
        assert tset.collect() == [0, 1, 2]
        rows = env.from_numpy(np.eye(3, dtype=np.float32), 2).collect()
        assert np.array_equal(rows, np.eye(3))
        for wrong in ([1, 2], (np.arange(2), np.arange(3)), np.array(5)):
            with pytest.raises(UsageError, match=r"from_numpy\(\) takes a NumPy array"):
                env.from_numpy(wrong)


def added(x, n=1):
    return x + n


@pytest.mark.parametrize("cluster", ["synchronous", "threads", None])
def test_a_bag_keeps_its_partitions_and_is_found_again(store, cluster):
    def run(n, version=None):
        bag = dask.bag.from_sequence(range(10), npartitions=4).map(added, n=n)
        with opened(store, cluster) as env:
            tset = env.from_bag(bag.filter(lambda i: i % 2), version=version)
            assert tset.parallelism == 4
            made = tset.key_by(lambda i: i % 3).keyed_reduce(max).persist()
            return made.hit, sorted(made.collect())

    first = run(1)
    assert first == (False, [(0, 9), (1, 7), (2, 5)])
    assert run(1) == (True, first[1])
    assert run(2)[0] is False
    assert run(1, version="a")[0] is False
    assert run(2, version="a")[0] is True


def test_what_a_bag_computes_before_is_computed_once(env, tmp_path):
    def noted(x):
        with open(tmp_path / "calls", "a") as calls:
            calls.write("x")
        return x

    bag = dask.bag.from_sequence(range(6), npartitions=3).map(noted).groupby(lambda i: i % 2)
    tset = env.from_bag(bag, version=1)
    both = tset.union(tset.map(lambda pair: pair))
    found = {key: sorted(values) for key, values in both.collect()}
    assert found == {0: [0, 2, 4], 1: [1, 3, 5]}
    assert (tmp_path / "calls").read_text() == "x" * 6


def test_what_dask_has_fused_is_told_apart(store):
    def run(n, f):
        given = dask.delayed(int)(n)
        rows = dask.bag.from_sequence([{"a": 1}], npartitions=1)
        rows = rows.map(lambda row, a: {"a": a}, a=given).map(f).map(dict)
        with opened(store) as env:
            kept = env.from_dataframe(rows.to_dataframe(meta={"a": int})).persist()
            return kept.hit, kept.collect()

    same, other = (lambda row: row), (lambda row: {"a": -row["a"]})
    assert run(1, same) == (False, [(1,)])
    assert run(1, same) == (True, [(1,)])
    assert run(1, other) == (False, [(-1,)])
    assert run(2, same) == (False, [(2,)])


def collections_of_files(folder):
    """A collection for each way in which Dask reads files."""
    (folder / "a.txt").write_text("a\nb\n")
    (folder / "a.csv").write_text("a\n1\n")
    pd.DataFrame({"a": [1]}).to_parquet(folder / "a.parquet")
    pd.DataFrame({"a": [1]}).to_json(folder / "a.json")
    zarr.create_array(str(folder / "a.zarr"), data=np.arange(2))
    dask.array.to_npy_stack(str(folder / "npy"), dask.array.arange(2, chunks=1))
    yield dask.bag.read_text(str(folder / "*.txt"))
    yield dask.dataframe.read_csv(str(folder / "*.csv"))
    yield dask.dataframe.read_parquet(str(folder / "*.parquet"))
    yield dask.dataframe.read_parquet(str(folder / "a.parquet"), filesystem="arrow")
    yield dask.dataframe.from_map(pd.read_json, [str(folder / "a.json")])
    yield dask.array.from_zarr(str(folder / "a.zarr"))
    yield dask.array.from_npy_stack(str(folder / "npy"))


def test_what_reads_files_by_itself_needs_a_version(store, tmp_path):
    with opened(store) as env:
        for collection in collections_of_files(tmp_path):
            with pytest.raises(FingerprintError, match="give version="):
                env.from_bag(collection).persist()
            env.from_bag(collection, version="of today").persist()
        made = env.from_bag(dask.bag.read_text(str(tmp_path / "*.txt")), version=1).persist()
        assert made.collect() == ["a\n", "b\n"]


def test_delayed_values_are_partitions(store):
    @dask.delayed
    def numbers(n):
        yield from range(n)

    def run(sizes):
        with opened(store) as env:
            tset = env.from_delayed([numbers(n) for n in sizes])
            made = tset.union(tset).persist()
            return made.hit, made.collect()

    expected = [*range(2), *range(2), *range(3), *range(3)]
    assert run([2, 3]) == (False, expected)
    assert run([2, 3]) == (True, expected)
    assert run([2, 4]) == (1, [*range(2), *range(2), *range(4), *range(4)])


def test_rows_of_tables_are_columns(env):
    frame = pd.DataFrame({"a": [1, 2, 3], "b c": [0.5, 1.5, 2.5]})
    rows = env.from_dataframe(frame, 2)
    kept = rows.persist()
    assert kept.collect() == rows.collect() == [(1, 0.5), (2, 1.5), (3, 2.5)]
    assert repr(kept.first()) == repr(rows.first()) == "Row(a=1, _1=0.5)"
    group = zarr.open_group(kept.url, mode="r")
    assert sorted(name.rpartition("/")[2] for name, _ in group.members(None) if "/f" in name) == [
        *["f0.values"] * 2,
        *["f1.values"] * 2,
    ]
    assert rows.map_batches(lambda columns: columns[0] * columns[1]).collect() == [0.5, 3.0, 7.5]


def test_rows_of_dataframes(store):
    frame = pd.DataFrame({"a": range(6), "b": list("uvwxyz")})

    def run(more):
        with opened(store) as env:
            lazy = dask.dataframe.from_pandas(frame, npartitions=2)
            tset = env.from_dataframe(lazy[lazy.a > more])
            assert tset.parallelism == 2
            made = tset.map(lambda row: (row.a, row.b)).persist()
            return made.hit, made.collect()

    assert run(3) == (False, [(4, "y"), (5, "z")])
    assert run(3) == (True, [(4, "y"), (5, "z")])
    assert run(4) == (False, [(5, "z")])
    with opened(store) as env:
        tset = env.from_dataframe(frame, 2)
        assert tset.parallelism == 2
        assert tset.first()._fields == ("a", "b")


def test_what_is_no_collection_is_refused(env):
    with pytest.raises(UsageError, match="iterable of elements, and was 5: put it in a list"):
        env.from_delayed([dask.delayed(int)(5)]).collect()
    for make in (env.from_bag, env.from_delayed, env.from_dataframe):
        with pytest.raises(UsageError, match="takes"):
            make(5)
    with pytest.raises(UsageError, match=r"from_delayed\(\) takes Dask collections"):
        env.from_delayed([])
