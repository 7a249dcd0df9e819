"""What partitions depend on besides what they read: nothing is taken over that a new job would not compute."""

from __future__ import annotations

import gzip
import os
from unittest import mock

import dask.bag
import numpy as np
import pytest

from dtset import TSetEnvironment
from dtset.checkpoint.earlier import Origin


@pytest.fixture
def runs(store, tmp_path):
    """Give a function that runs a flow in one job, checks it against a new job's, and says how much was a hit."""
    new = iter(range(100))

    def run(flow, *args):
        found = []
        for where, job_id in [(store, "job"), (str(tmp_path / f"new-{next(new)}"), "job")]:
            with TSetEnvironment(store=where, job_id=job_id, cluster="synchronous") as env:
                persisted = flow(env, *args).persist("persisted")
                found.append((repr(persisted.collect()), persisted.hit))
        assert found[0][0] == found[1][0]
        return found[0][1]

    return run


def placed(itr, ctx):
    number = ctx.index
    return [(element, number) for element in itr]


def one_each(env, values):
    return env.parallelize(values, len(values))


def test_a_context_that_is_shown_is_seen(runs):
    def flow(env, values):
        return one_each(env, values).compute(lambda itr, ctx: [(x, f"{ctx}") for x in itr])

    assert [runs(flow, values) for values in ("xy", "yx", "yz")] == [False, False, 1]


def test_what_is_seen_in_a_branch_of_a_branch_counts(runs):
    def flow(env, values):
        inner = one_each(env, "a").concat(one_each(env, values).compute(placed))
        return one_each(env, "b").concat(inner.map(lambda x: x))

    assert [runs(flow, values) for values in ("xy", "yx", "yxz")] == [False, 2, 2]


@pytest.mark.parametrize("kept", [False, True])
def test_what_other_tasks_saw_counts_in_a_branch(runs, kept):
    def flow(env, values):
        seen = one_each(env, values).compute(placed)
        if kept:
            seen = seen.cache()
        return seen.map(lambda x: (x, 1)).concat(seen.map(lambda x: (x, 2)))

    assert [runs(flow, values) for values in ("xy", "yx")] == [False, False]


@pytest.mark.parametrize("how", ["cache", "persist"])
@pytest.mark.parametrize("in_branch", [False, True])
def test_which_partition_of_a_side_input_is_seen_counts(runs, how, in_branch):
    def flow(env, values):
        side = getattr(one_each(env, "abc"[: len(values)]), how)()
        seen = one_each(env, values).compute(lambda itr, ctx: [*itr, *ctx.get_input("side")])
        seen.add_input("side", side)
        return one_each(env, "b").concat(seen) if in_branch else seen

    assert [runs(flow, values) for values in ("xy", "yx", "yz")] == [
        False,
        in_branch or False,
        1 + in_branch,
    ]


@pytest.mark.parametrize("side", ["a", "ab"])
def test_what_functions_of_a_side_input_saw_is_its_own(runs, side):
    def seen(itr, ctx):
        return [(ctx.index, [*ctx.get_input("side")], x) for x in itr]

    def flow(env, values):
        made = one_each(env, side).compute(placed).persist("side")
        return one_each(env, values).compute(seen).add_input("side", made)

    assert [runs(flow, values) for values in (["x", "y"], ["y", "x"], ["y", "z"])] == [
        False,
        False,
        1,
    ]


def test_rows_of_an_array_are_known_by_where_they_lie(runs, tmp_path):
    import zarr

    url = str(tmp_path / "array")
    zarr.create_array(url, data=np.arange(8), chunks=(2,))
    hits = [runs(lambda env, count: env.read_zarr(url, count), count) for count in (2, 4, 1, 8)]
    assert hits == [False] * 4


def test_a_version_of_a_collection_is_one_of_so_many_partitions(runs):
    def flow(env, count):
        bag = dask.bag.from_sequence(range(8), npartitions=count)
        return env.from_bag(bag, version="1").map(lambda x: x)

    assert [runs(flow, count) for count in (2, 4)] == [False, False]


def test_a_part_of_a_file_ends_where_its_delimiter_says(runs, tmp_path):
    def flow(env, path, delimiter):
        return env.read_text(path, delimiter=delimiter, block_size=4)

    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("abc;zz")
    other.write_text("ab;\nzz")
    for path, delimiter in [(one, ";"), (other, None), (other, ";"), (one, None)]:
        assert not runs(flow, path, delimiter)


def test_a_name_counts_where_it_says_how_a_file_is_compressed(runs, tmp_path):
    def flow(env, **arguments):
        return env.read_text(f"{tmp_path}/in*", encoding="latin-1", block_size=None, **arguments)

    path = tmp_path / "in.txt"
    path.write_bytes(gzip.compress(b"a\n"))
    assert runs(flow) is False
    path = path.rename(tmp_path / "in.gz")
    assert runs(flow) is False
    path.rename(tmp_path / "in")
    assert runs(lambda env: flow(env, compression="gzip")) == 1


def test_names_count_as_they_are_in_elements(runs, tmp_path):
    for name in "xy":
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_text("same\n")

    def flow(env, urls):
        return env.read_text(urls, block_size=None, with_path=True)

    urls = [[tmp_path / "x", tmp_path / "y"], tmp_path / "*" / "a", f"{tmp_path}/{{x,y}}/*"]
    assert [runs(flow, each) for each in urls] == [False, False, True]


@pytest.mark.parametrize("alike", [False, True])
def test_many_files_of_one_size_are_looked_through_once(runs, tmp_path, alike):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number}").write_text("00\n" if alike else f"{number:02}\n")

    def flow(env):
        return env.read_text(folder, block_size=None).compute(placed)

    assert runs(flow) is False
    for path in folder.iterdir():
        os.utime(path, (1, 1))
    seen = Origin.is_seen_from
    with mock.patch.object(Origin, "is_seen_from", autospec=True, side_effect=seen) as asked:
        assert runs(flow) == 60
    assert asked.call_count == 60


def test_rows_of_arrays_are_known_by_their_type_too(runs):
    def flow(env, array):
        rows = env.from_numpy(array, len(array))
        return rows.map_batches(lambda given: np.repeat(given.dtype.str, len(given)))

    arrays = [
        np.arange(3),
        np.arange(4),
        np.arange(4.0),
        np.arange(4, dtype="f4"),
        np.array(["ab"]),
    ]
    assert [runs(flow, array) for array in arrays] == [False, 3, False, False, False]
