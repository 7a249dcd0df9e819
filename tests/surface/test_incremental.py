"""One input more, and only that is computed: partitions that outlive a change of their neighbours."""

from __future__ import annotations

import ast
import os
import shutil
import tempfile
from pathlib import Path

import dask
import pytest

from dtset import CorruptCheckpointError, DTSetError, TSetEnvironment
from dtset.storage.opening import open_store

# Functions run as copies, so that a list in this module would not see them.
RAN = Path(tempfile.mkdtemp(prefix="dtset-ran-")) / "ran"


def environment(store, job_id="job", **arguments):
    return TSetEnvironment(store=store, job_id=job_id, cluster="synchronous", **arguments)


def noted(x):
    with RAN.open("a") as file:
        file.write(f"{x!r}\n")
    return x


@pytest.fixture(scope="module", autouse=True)
def _folder():
    yield
    shutil.rmtree(RAN.parent)


@pytest.fixture
def ran():
    """Give what was computed since the last time that somebody asked."""

    def taken():
        found = [ast.literal_eval(line) for line in RAN.read_text().splitlines()]
        RAN.write_text("")
        return found

    RAN.write_text("")
    return taken


def squares(env, values):
    return env.parallelize(values, len(values)).map(noted).map(lambda x: x * x).persist("squares")


def test_a_value_more_costs_a_partition_more(store, ran):
    for values, computed, hit in [
        ([1, 2, 3], [1, 2, 3], False),
        ([1, 2, 3, 4], [4], 3),
        ([1, 9, 3, 4], [9], 3),
        ([4, 3, 2, 1], [], 4),
        ([4, 4], [], 2),
        ([1, 2, 3], [], True),
        # Equal in Python, and not the same.
        ([True, 2.0, 3], [True, 2.0], 1),
    ]:
        with environment(store) as env:
            persisted = squares(env, values)
            assert (persisted.collect(), persisted.hit) == ([x * x for x in values], hit)
            assert ran() == computed
        with environment(store) as env:
            assert squares(env, values).hit is True
            assert ran() == []


def test_a_longer_range_and_a_changed_branch_of_a_union(store, ran):
    for stop, others, computed in [(4, "ab", 6), (6, "abcd", 4), (6, "xbcd", 1), (3, "a", 0)]:
        with environment(store) as env:
            texts = env.parallelize(list(others), 2 if len(others) == 2 else len(others))
            numbers = env.range(stop, parallelism=stop).map(noted).persist("numbers")
            both = numbers.concat(texts.map(noted)).persist("both")
            assert both.collect() == [*range(stop), *others]
            assert len(ran()) == computed


def test_a_function_or_parameter_that_changes_takes_nothing_over(store, ran):
    for factor in (2, 3, 2):
        with environment(store) as env:
            made = (
                env.parallelize([1, 2], 2).map(noted).map(lambda x, by=factor: x * by).persist("m")
            )
            assert made.collect() == [factor, 2 * factor]
    assert ran() == [1, 2, 1, 2]


def test_a_persist_below_a_persist_is_as_sparing(store, ran):
    for values, computed in [([1, 2, 3], 2), ([1, 2, 3, -3], 0), ([1, 2, 3, 5], 1)]:
        with environment(store) as env:
            positive = env.parallelize(values, len(values)).map(abs).persist("positive")
            odd = positive.filter(lambda x: x % 2 == 1).compute(
                lambda itr, ctx: [noted(x) for x in itr]
            )
            assert odd.persist("odd").count() == len(values)
            assert len(ran()) == computed


def test_what_a_function_saw_of_its_context_counts(store, ran):
    def placed(itr, ctx):
        found = [noted(x) for x in itr]
        return (found, ctx.index) if found != [3] else found

    def run(values):
        with environment(store) as env:
            found = env.parallelize(values, len(values)).compute(placed).persist("placed").collect()
            assert found == [([x], i) if x != 3 else [3] for i, x in enumerate(values)]
            return ran()

    assert run([1, 2, 3]) == [1, 2, 3]
    assert run([1, 2, 3, 4]) == [4]
    assert run([0, 1, 3]) == [0, 1]
    assert run([3, 1, 2]) == [2]


def test_what_a_branch_of_a_concat_saw_counts(store, ran):
    def numbered(itr, ctx):
        return [(x, ctx.index, ctx.parallelism) for x in itr]

    def run(first, second):
        with environment(store) as env:
            one = env.parallelize(first, len(first)).map(noted)
            other = env.parallelize(second, len(second)).map(noted).compute(numbered)
            found = one.concat(other).persist("both").collect()
            assert found == [*first, *([(x, i, len(second))] for i, x in enumerate(second))]
            return ran()

    assert run("ab", "xy") == ["a", "b", "x", "y"]
    assert run("ab", "y") == ["y"]
    assert run("a", "xyz") == ["x", "y", "z"]


def test_what_an_exchange_moved_is_computed_anew_and_its_map_side_may_be_kept(store, ran):
    for values, computed in [([1, 2, 3], 3), ([1, 2, 3, 4], 1)]:
        with environment(store) as env:
            kept = env.parallelize(values, len(values)).map(noted).persist("kept")
            pairs = kept.map_to_tuple(lambda x: (x % 2, x)).keyed_reduce(lambda a, b: a + b)
            assert dict(pairs.persist("sums").collect()) == {
                0: sum(x for x in values if x % 2 == 0),
                1: sum(x for x in values if x % 2 == 1),
            }
            assert len(ran()) == computed


def test_refresh_takes_nothing_over_and_wins_over_what_is_older(store):
    def made(env, values, **arguments):
        tset = env.parallelize(values, len(values)).map(lambda x: (x, os.urandom(8)))
        return dict(tset.persist("random", **arguments).collect())

    with environment(store) as env:
        first = made(env, [1, 2])
        second = made(env, [1, 2, 3])
        assert {x: second[x] for x in (1, 2)} == first
        third = made(env, [1, 2, 3], refresh=True)
        assert not set(third.values()) & set(second.values())
    with environment(store) as env:
        fourth = made(env, [1, 2, 3, 4])
        assert {x: fourth[x] for x in (1, 2, 3)} == third


def test_each_version_is_whole_and_goes_by_itself(store, ran):
    import zarr

    with environment(store) as env:
        first = squares(env, [1, 2])
        second = squares(env, [1, 2, 3])
        first.unpersist()
        assert second.collect() == [1, 4, 9]
    with environment(store) as env:
        found = squares(env, [1, 2, 3])
        group = zarr.open_group(found.url, mode="r")
        names = group.attrs["dtset"]["partitions"]
        assert [int(group[f"{name}/0/values"][0]) for name in names] == [1, 4, 9]
        ran()
        third = squares(env, [3, 1])
        assert (third.collect(), third.hit, ran()) == ([9, 1], 2, [])


def test_a_partition_that_is_not_whole_is_computed(store, ran):
    with environment(store) as env:
        squares(env, [1, 2, 3])
    next(Path(store).glob("job/tsets/*/*/0/data.zarr/1-*/0/values/c.0")).unlink()
    ran()
    with environment(store) as env:
        persisted = squares(env, [1, 2, 3, 4])
        assert (persisted.collect(), persisted.hit, ran()) == ([1, 4, 9, 16], 2, [2, 4])


def lines(env, folder, **arguments):
    return env.read_text(f"{folder}/*.txt", **arguments).map(noted).persist("lines")


def test_files_are_known_by_what_they_hold(store, tmp_path, ran):
    def write(name, *texts):
        (tmp_path / name).write_text("".join(f"{text}\n" for text in texts))

    def run():
        with environment(store) as env:
            found = lines(env, tmp_path, block_size=None)
            expected = [
                line
                for path in sorted(tmp_path.iterdir())
                for line in path.read_text().splitlines(True)
            ]
            assert found.collect() == expected
            return ran()

    for name in "abc":
        write(f"{name}.txt", name)
    assert run() == ["a\n", "b\n", "c\n"]
    write("d.txt", "d")
    assert run() == ["d\n"]
    os.utime(tmp_path / "a.txt", (1, 1))
    write("b.txt", "b")
    assert run() == []
    (tmp_path / "c.txt").rename(tmp_path / "e.txt")
    assert run() == []
    write("a.txt", "A")
    assert run() == ["A\n"]
    (tmp_path / "d.txt").unlink()
    assert run() == []


def test_a_block_appended_to_a_file_leaves_the_others(store, tmp_path, ran):
    path = tmp_path / "a.txt"
    path.write_text("".join(f"{i:07}\n" for i in range(100)))
    with environment(store) as env:
        assert lines(env, tmp_path, block_size=80).count() == 100
    ran()
    with path.open("a") as file:
        file.writelines(f"{i:07}\n" for i in range(100, 113))
    with environment(store) as env:
        found = lines(env, tmp_path, block_size=80)
        assert [int(line) for line in found.collect()] == list(range(113))
        assert [int(line) for line in ran()] == list(range(100, 113))


def test_a_default_block_size_stays_that_of_the_first_run(store, tmp_path, ran):
    (tmp_path / "a.txt").write_text("".join(f"{i:07}\n" for i in range(1000)))
    with environment(store, parallelism=2) as env:
        first = lines(env, tmp_path)
        assert 4 <= first.parallelism <= 8
    ran()
    (tmp_path / "b.txt").write_text("".join(f"{i:07}\n" for i in range(1000, 9000)))
    with environment(store, parallelism=2) as env:
        assert [int(line) for line in lines(env, tmp_path).collect()] == list(range(9000))
        assert [int(line) for line in ran()] == list(range(1000, 9000))


def test_a_name_counts_where_elements_contain_it(store, tmp_path, ran):
    def run(folder):
        with environment(store) as env:
            tset = env.read_text(f"{folder}/*.txt", block_size=None, with_path=True)
            found = tset.map(noted).persist("named").collect()
            assert found == [(p.read_text(), p.name) for p in sorted(folder.iterdir())]
            return len(ran())

    folder = tmp_path / "one"
    folder.mkdir()
    (folder / "a.txt").write_text("a\n")
    (folder / "b.txt").write_text("b\n")
    assert run(folder) == 2
    (folder / "b.txt").rename(folder / "c.txt")
    assert run(folder) == 1
    assert run(folder.rename(tmp_path / "two")) == 0


def test_accepted_data_are_the_beginning_of_what_comes(store, ran):
    from dtset.checkpoint.acceptance import accept

    def made(env, values, add):
        tset = env.parallelize(values, len(values)).map(noted)
        return tset.map(lambda x: x + add).persist("added")

    def version(persisted):
        return "/".join(persisted.url.split("/")[-4:-2])

    with environment(store) as env:
        old, new = made(env, [1, 2], 0), made(env, [1, 2], 10)
        data, wanted = version(old), version(new)
        new.unpersist()
    accept(open_store(store), "job", wanted, data, name="added", why="a test", by="me@here")
    ran()
    with environment(store) as env:
        assert made(env, [1, 2], 10).collect() == [1, 2]
        assert made(env, [1, 2, 3], 10).collect() == [1, 2, 13]
    assert ran() == [3]


def test_a_cache_is_passed_through(store, ran):
    for values, computed in [([1, 2], 2), ([1, 2, 3], 3)]:
        with environment(store) as env:
            cached = env.parallelize(values, len(values)).map(noted).cache()
            below = cached.map(lambda x: -x).persist("below")
            assert below.collect() == [-x for x in values]
            assert below.hit == (2 if len(values) == 3 else False)
            assert len(ran()) == computed


@pytest.mark.parametrize("cluster", ["threads", "distributed"])
def test_on_every_scheduler(store, tmp_path, cluster, local_cluster):
    where = cluster if cluster == "threads" else local_cluster.scheduler_address
    for number in range(6):
        (tmp_path / f"{number}.txt").write_text(f"{number}\n")
        if number in (3, 5):
            with TSetEnvironment(store=store, job_id="job", cluster=where) as env:
                found = env.read_text(tmp_path, block_size=None).map(int).persist("numbers")
                assert (found.collect(), found.hit) == (
                    [*range(number + 1)],
                    4 if number == 5 else False,
                )


def test_on_s3(s3_url, s3_options, tmp_path, ran):
    def run():
        with environment(s3_url, storage_options=s3_options) as env:
            found = lines(env, tmp_path, block_size=None)
            assert found.collect() == [f"{p.stem}\n" for p in sorted(tmp_path.iterdir())]
            return ran()

    for name in "abc":
        (tmp_path / f"{name}.txt").write_text(f"{name}\n")
    assert run() == ["a\n", "b\n", "c\n"]
    (tmp_path / "d.txt").write_text("d\n")
    assert run() == ["d\n"]
    os.utime(tmp_path / "a.txt", (1, 1))
    assert run() == []


def test_other_jobs_and_stores_lend_what_they_have(tmp_path, ran):
    ours, theirs = str(tmp_path / "ours"), str(tmp_path / "theirs")
    with environment(theirs, "team") as env:
        squares(env, [1, 2])
    with environment(ours, "mine") as env:
        squares(env, [3])
    ran()
    url = f"{theirs}/team"
    for reuse in (["mine", url], ["mine", {"url": url, "storage_options": {}}]):
        with environment(ours, f"new-{len(reuse[1])}", reuse=reuse) as env:
            persisted = squares(env, [1, 2, 3, 4])
            assert (persisted.collect(), persisted.hit) == ([1, 4, 9, 16], 3)
            assert ran() == [4]
    # What was taken over is ours.
    shutil.rmtree(theirs)
    with environment(ours, f"new-{len(url)}") as env:
        assert squares(env, [1, 2, 3, 4]).collect() == [1, 4, 9, 16]


def test_random_numbers_of_another_job_are_not_taken(store, ran):
    def drawn(env):
        tset = env.parallelize([1, 2], 2).map(lambda x, ctx: (noted(x), ctx.random.random()))
        return tset.persist("drawn").collect()

    with environment(store, "one") as env:
        first = drawn(env)
    with environment(store, "two", reuse="one") as env:
        assert drawn(env) != first
    assert ran() == [1, 2, 1, 2]


def test_what_another_store_has_damaged_is_computed(tmp_path, ran):
    ours, theirs = str(tmp_path / "ours"), tmp_path / "theirs"
    with environment(str(theirs), "team") as env:
        squares(env, [1, 2])
    chunk = next(theirs.glob("team/tsets/*/*/0/data.zarr/1-*/0/values/c.0"))
    chunk.write_bytes(bytes(len(chunk.read_bytes())))
    ran()
    with environment(ours, "mine", reuse=[f"{theirs}/team"]) as env:
        persisted = squares(env, [1, 2])
        assert (persisted.collect(), persisted.hit, ran()) == ([1, 4], 1, [2])


@pytest.mark.parametrize("reuse", [5, [5], [{"job": "x"}], ["../x"], ["absent"], ["/nowhere/job"]])
def test_what_cannot_be_reused_is_said_at_once(store, reuse):
    with pytest.raises(DTSetError):
        environment(store, reuse=reuse)
    with environment(store, exclusive=True):
        pass


def test_so_many_versions_are_kept(store):
    with dask.config.set({"dtset.keep-versions": 2}), environment(store) as env:
        urls = [squares(env, range(number)).url for number in (1, 2, 3, 4)]
    assert [Path(url).exists() for url in urls] == [False, False, True, True]


def test_a_plan_says_what_is_taken_over(store, tmp_path):
    for name in "abc":
        (tmp_path / name).write_text(f"{name}\n")
    with environment(store) as env:
        env.read_text(tmp_path, block_size=None).map(str.strip).persist("lines")
    (tmp_path / "d").write_text("d\n")
    with environment(store) as env:
        lazy = env.read_text(tmp_path, block_size=None).map(str.strip).lazy_persist("lines")
        (said,) = str(env.plan(lazy)).splitlines()
        assert said.startswith("lines: 3 of 4 partitions taken over; computed: source ")
        assert lazy.count() == 4


def test_what_was_found_damaged_is_taken_over_no_more(store, ran):
    with environment(store) as env:
        squares(env, [1, 2, 3])
        squares(env, [1, 2, 3, 4])
    # The bytes are those of both versions.
    chunk = next(Path(store).glob("job/tsets/*/*/0/data.zarr/1-*/0/values/c.0"))
    with chunk.open("r+b") as file:
        file.write(bytes(chunk.stat().st_size))
    with environment(store) as env:
        with pytest.raises(CorruptCheckpointError, match="partition 1"):
            squares(env, [1, 2, 3, 4]).collect()
        ran()
        persisted = squares(env, [1, 2, 3, 5])
        assert (persisted.collect(), persisted.hit, ran()) == ([1, 4, 9, 25], 2, [2, 5])
        again = squares(env, [1, 2, 6])
        assert (again.collect(), again.hit, ran()) == ([1, 4, 36], 2, [6])


def test_what_a_run_itself_has_computed_counts_as_taken_over(store):
    with environment(store) as env:
        assert [squares(env, range(number)).hit for number in (2, 3)] == [False, 2]


def test_what_is_computed_anew_looks_through_no_other_version(store, monkeypatch):
    with environment(store) as env:
        squares(env, [1, 2])

        def looked_through(*arguments, **keywords):
            raise AssertionError("looked for in other versions")

        monkeypatch.setattr("dtset.execution.resolve.find_earlier", looked_through)
        made = env.parallelize([1, 2, 3], 3).map(noted).map(lambda x: x * x)
        assert made.persist("squares", refresh=True).collect() == [1, 4, 9]
