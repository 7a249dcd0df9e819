"""What persist finds, what it computes, and what its handle says."""

from __future__ import annotations

import operator
import pickle
import threading
from pathlib import Path

import dask.config
import numpy as np
import pytest
import zarr

from dtset import (
    CorruptCheckpointError,
    DTSetError,
    FingerprintError,
    StoreError,
    TSetEnvironment,
    UsageError,
    fingerprint,
    version,
)


def environment(store, **arguments):
    return TSetEnvironment(
        **{"store": store, "cluster": "synchronous", "job_id": "job", "parallelism": 4, **arguments}
    )


def noting(folder):
    def noted(x):
        (Path(folder) / f"{x}").touch()
        return x * 2

    return noted


def test_restart_finds_what_was_persisted(store, tmp_path):
    with environment(store) as env:
        first = env.range(8).map(noting(tmp_path)).persist()
        assert first.hit is False
    for path in tmp_path.iterdir():
        path.unlink()
    with environment(store) as env:
        second = env.range(8).map(noting(tmp_path)).persist()
        assert second.hit is True
        assert second.collect() == [x * 2 for x in range(8)]
        assert (second.fingerprint, second.digest) == (
            first_digests := (second.fingerprint, second.digest)
        )
        assert len(first_digests[0]) == 64
    assert not list(tmp_path.iterdir())


def test_restart_computes_only_missing_partitions(store, tmp_path):
    def risky(ctx):
        (tmp_path / f"{ctx.index}-{len(list(tmp_path.iterdir()))}").touch()
        if ctx.index == 2 and not (tmp_path / "fixed").exists():
            raise OSError("the disk of partition 2")
        yield from range(3)

    with environment(store) as env, pytest.raises(OSError, match="partition 2"):
        env.create_source(risky).persist()
    before = {path.name for path in tmp_path.iterdir()}
    committed = {path.stem for path in Path(store).glob("job/tsets/*/*/0/parts/*.json")}
    assert "2" not in committed
    assert committed <= {name[0] for name in before}
    (tmp_path / "fixed").touch()
    with environment(store) as env:
        persisted = env.create_source(risky).persist()
        assert persisted.hit == len(committed)
        assert persisted.collect() == [0, 1, 2] * 4
    after = {path.name for path in tmp_path.iterdir()} - before - {"fixed"}
    assert {name[0] for name in after} == {"0", "1", "2", "3"} - committed


def test_another_parallelism_is_another_tset(store):
    with environment(store) as env:
        env.range(8, parallelism=2).map(str).persist()
        assert env.range(8, parallelism=3).map(str).persist().hit is False


def test_default_parallelism_is_recorded_in_the_job(store):
    with environment(store, parallelism=3) as env:
        assert env.range(9).persist().partitions == 3
    with environment(store, parallelism=None) as env:
        assert env.parallelism == 3
        assert env.range(9).persist().hit is True


def test_an_operator_inserted_before_the_persist_is_a_miss(store):
    with environment(store) as env:
        env.range(4).map(str).persist()
    with environment(store) as env:
        inserted = env.range(4).filter(lambda x: x > 1).map(str).persist()
        assert inserted.hit is False
        assert inserted.collect() == ["2", "3"]


def test_links_do_not_change_what_it_is(store):
    with environment(store) as env:
        env.range(4).map(str).persist()
        assert env.range(4).direct().map(str).pipe().persist().hit is True


def test_a_changed_global_is_a_miss_and_a_reverted_one_hits_again(store):
    namespace = {"LIMIT": 2}
    exec("def small(x): return x < LIMIT", namespace)
    small = namespace["small"]
    with environment(store) as env:
        assert env.range(4).filter(small).persist().collect() == [0, 1]
        namespace["LIMIT"] = 3
        changed = env.range(4).filter(small).persist()
        assert changed.hit is False
        assert changed.collect() == [0, 1, 2]
        namespace["LIMIT"] = 2
        assert env.range(4).filter(small).persist().hit is True


def test_below_a_persisted_tset_its_data_count_not_how_they_were_made(store):
    with environment(store) as env:
        one = env.range(4).map(lambda x: x + x).persist()
        assert one.map(str).persist().hit is False
        other = env.range(4).map(lambda x: 2 * x).persist()
        assert other.hit is False
        assert other.digest == one.digest
        assert other.map(str).persist().hit is True


def test_config_counts_for_functions_that_take_a_ctx(store):
    def scaled(x, ctx):
        return x * ctx.config["scale"]

    for scale, hit in ((2, False), (2, True), (3, False)):
        with environment(store, config={"scale": scale}) as env:
            assert env.range(3).map(scaled).persist().hit is hit
            assert env.range(3).map(scaled).persist().collect() == [0, scale, 2 * scale]


def test_config_does_not_count_for_functions_that_take_none(store):
    for scale, hit in ((2, False), (3, True)):
        with environment(store, config={"scale": scale}) as env:
            assert env.range(3).map(str).persist().hit is hit


def test_refresh_computes_although_there_is_a_hit(store, tmp_path):
    with environment(store) as env:
        env.range(4).map(noting(tmp_path)).persist()
        for path in tmp_path.iterdir():
            path.unlink()
        again = env.range(4).map(noting(tmp_path)).persist(refresh=True)
        assert again.hit is False
        assert len(list(tmp_path.iterdir())) == 4
    with environment(store) as env:
        assert env.range(4).map(noting(tmp_path)).persist().hit is True


def test_lazy_persist_waits_for_what_needs_it(store, tmp_path):
    with environment(store) as env:
        lazy = env.range(4).map(noting(tmp_path)).lazy_persist("doubled")
        below = lazy.map(lambda x: x + 1).lazy_persist()
        assert not list(tmp_path.iterdir())
        assert below.collect() == [1, 3, 5, 7]
        assert lazy.hit is False
        assert lazy.count() == 4


def test_persist_lets_what_is_above_become_garbage(store):
    import gc
    import weakref

    class Big:
        def __call__(self, x):
            return x

    function = Big()
    alive = weakref.ref(function)
    with environment(store) as env:
        persisted = env.range(4).map(function).persist()
        del function
        gc.collect()
        assert alive() is None
        assert persisted.collect() == [0, 1, 2, 3]


def test_handle_says_what_lies_where(store):
    with environment(store) as env:
        persisted = env.range(100_000).persist("numbers")
        assert persisted.partitions == 4
        assert persisted.count() == 100_000
        assert persisted.nbytes > 1000
        assert persisted.name == "numbers"
        assert persisted.url.startswith(store)
        group = zarr.open_group(persisted.url, mode="r")
        arrays = [array[:] for _, array in sorted(_arrays(group))]
        assert np.array_equal(np.sort(np.concatenate(arrays)), np.arange(100_000))


def _arrays(group):
    for name, member in group.members(max_depth=None):
        if isinstance(member, zarr.Array):
            yield name, member


def test_unpersist_drops_the_data(store):
    with environment(store) as env:
        persisted = env.range(4).persist()
        persisted.unpersist()
        assert not list(Path(store).glob("job/tsets/*/*/*"))
        with pytest.raises(UsageError, match="unpersist"):
            persisted.collect()
        assert env.range(4).persist().hit is False


def test_without_checkpointing_nothing_is_looked_up_and_nothing_stays(store):
    for _ in range(2):
        with environment(store, checkpointing=False) as env:
            persisted = env.range(4).map(str).persist()
            assert persisted.hit is False
            assert persisted.collect() == ["0", "1", "2", "3"]
        assert not list(Path(store).glob("job/tsets/*/*/*"))


def test_without_checkpointing_no_fingerprint_is_needed(store):
    lock = threading.Lock()
    with environment(store, checkpointing=False, cluster="synchronous") as env:
        assert env.range(2).map(lambda x: x).persist().count() == 2
    with environment(store) as env, pytest.raises(FingerprintError, match="lock"):
        env.range(2).map(lambda x: lock.locked()).persist()


def test_a_users_class_comes_back_as_the_present_one(store):
    with environment(store) as env:
        env.range(3).map(Record).persist()
    with environment(store) as env:
        found = env.range(3).map(Record).persist()
        assert found.hit is True
        assert found.collect() == [Record(0), Record(1), Record(2)]
        assert type(found.first()) is Record
        assert found.map(lambda record: record.doubled()).collect() == [0, 2, 4]


class Record:
    def __init__(self, x):
        self.x = x

    def doubled(self):
        return 2 * self.x

    def __eq__(self, other):
        return type(other) is type(self) and other.x == self.x

    __hash__ = None


def test_a_class_that_is_edited_in_the_session_is_seen_below_persists_and_caches(
    store, monkeypatch
):
    def doubled(record):
        return record.doubled()

    def tripled(self):
        return 3 * self.x

    with environment(store) as env:
        for stored in (env.range(3).map(Record).persist(), env.range(3).map(Record).cache()):
            assert stored.map(doubled).persist().collect() == [0, 2, 4]
            with monkeypatch.context() as patch:
                patch.setattr(Record, "doubled", tripled)
                edited = stored.map(doubled).persist()
                # One of the partitions is empty, and has no class in it.
                assert edited.hit in (False, 1)
                assert edited.collect() == [0, 3, 6]
            assert stored.map(doubled).persist().hit is True


def test_two_runs_at_once_are_both_right(store):
    with environment(store) as one, environment(store) as other:
        first = one.range(4).map(str).persist()
        second = other.range(4).map(str).persist()
        assert second.hit is True
        assert first.collect() == second.collect()


def test_reduce_and_keyed_reduce_can_be_persisted(store):
    def words():
        return ["a", "b", "a", "c"]

    for hit in (False, True):
        with environment(store) as env:
            keyed = env.create_source(words).map_to_tuple(lambda w: (w, 1))
            counts = keyed.keyed_reduce(operator.add).persist()
            total = counts.map(lambda kv: kv[1]).reduce(operator.add).persist()
            assert (counts.hit, total.hit) == (hit, hit)
            assert dict(counts.collect()) == {"a": 8, "b": 4, "c": 4}
            assert total.first() == 16


def test_a_tset_cannot_travel_into_a_function(store):
    with environment(store) as env, pytest.raises(UsageError, match="handle"):
        pickle.dumps(env.range(3))


def test_large_sequences_go_through_the_store_and_are_removed_at_the_end(store):
    data = [f"line {i}" for i in range(200_000)]
    with environment(store) as env:
        tset = env.parallelize(data)
        assert tset.count() == len(data)
        assert tset.map(len).persist().collect() == [len(each) for each in data]
        assert list(Path(store).glob("job/runs/*/sources/*"))
    assert not list(Path(store).glob("job/runs/*/sources/*/*"))


def test_parallelized_data_are_those_of_the_moment_however_they_change(store):
    with environment(store) as env:
        data = [[1], [2]]
        tset = env.parallelize(data)
        assert tset.collect() == [[1], [2]]
        data[0].append(99)
        assert tset.persist().collect() == [[1], [2]]
    with environment(store) as env:
        changed = env.parallelize([[1, 99], [2]]).persist()
        assert (changed.hit, changed.collect()) == (3, [[1, 99], [2]])
        assert changed.collect() == [[1, 99], [2]]
        assert env.parallelize([[1], [2]]).persist().hit is True


def test_what_was_cached_without_a_fingerprint_cannot_be_persisted_later(store):
    namespace = {"H": [object()]}
    exec("def kind(x): return type(H).__name__", namespace)
    with environment(store) as env:
        cached = env.range(3).map(namespace["kind"]).cache()
        namespace["H"] = 5
        assert cached.collect() == ["list"] * 3
        with pytest.raises(FingerprintError):
            cached.persist()
        assert env.range(3).map(namespace["kind"]).persist().collect() == ["int"] * 3


def test_refresh_computes_every_time(store, tmp_path):
    source = tmp_path / "value"
    with environment(store) as env:
        for value in ("1", "2", "3"):
            source.write_text(value)
            read = env.create_source(lambda: [source.read_text()], 1).persist(refresh=True)
            assert read.hit is False
            assert read.collect() == [value]
    with environment(store) as env:
        assert env.create_source(lambda: [source.read_text()], 1).persist().collect() == ["3"]


def test_what_functions_see_of_their_operator_does_not_hang_on_others(store):
    def labelled(x, ctx):
        return ctx.id

    with environment(store) as env:
        first = env.range(1).map(labelled).persist().collect()
        env.range(5).map(str).filter(bool)
        assert env.range(1).map(labelled).collect() == first


def test_unpersist_leaves_what_another_tset_of_the_run_has_too(store):
    with environment(store) as env:
        source = env.range(4).map(str)
        one, other = source.persist("one"), source.persist("other")
        one.unpersist()
        assert other.collect() == ["0", "1", "2", "3"]
        other.unpersist()
        assert not list(Path(store).glob("job/tsets/*/*/*"))


def test_unpersist_leaves_what_another_run_may_read(store, caplog):
    with environment(store) as one, environment(store) as other:
        persisted = one.range(4).persist()
        found = other.range(4).persist()
        persisted.unpersist()
        assert "another run" in caplog.text
        assert found.collect() == [0, 1, 2, 3]


def test_a_store_that_loses_parts_while_they_are_written_is_never_committed(store):
    import shutil

    folder = Path(store)

    def breaking(x, ctx):
        if ctx.index == 3:
            shutil.rmtree(folder / "job" / "tsets", ignore_errors=True)
        return x

    with environment(store) as env, pytest.raises(StoreError, match="gone"):
        env.range(8).map(breaking).persist()
    assert not list(folder.glob("job/tsets/*/*/manifest.json"))


def test_damaged_data_are_named_and_never_given(store):
    with environment(store) as env:
        persisted = env.range(1000).persist("numbers")
        chunk = next(Path(store).glob("job/tsets/*/*/0/data.zarr/2-*/0/values/c.0"), None) or next(
            path
            for path in Path(store).glob("job/tsets/*/*/0/data.zarr/2-*/**/*")
            if "c" in path.name
        )
        data = bytearray(chunk.read_bytes())
        data[len(data) // 2] ^= 1
        chunk.write_bytes(data)
        for read in (persisted.collect, persisted.map(str).collect):
            with pytest.raises(
                CorruptCheckpointError, match=r"job job, TSet 'numbers', partition 2"
            ):
                read()
        assert persisted.hit is False
    assert persisted.url.startswith(store)


def test_a_tset_whose_class_was_edited_hits_again_in_the_end(store, monkeypatch):
    with environment(store) as env:
        persisted = env.parallelize([Record(i) for i in range(4)]).persist()
        assert persisted.hit is False
    monkeypatch.setattr(Record, "doubled", lambda self: 5)
    with environment(store) as env:
        assert env.parallelize([Record(i) for i in range(4)]).persist().hit is False
    with environment(store) as env:
        assert env.parallelize([Record(i) for i in range(4)]).persist().hit is True


def test_what_a_thread_changes_is_never_stored_under_what_it_was(store):
    box, ended = [0], threading.Event()

    def change():
        while not ended.is_set():
            box[0] = (box[0] + 1) % 50
            ended.wait(0.0005)

    thread = threading.Thread(target=change)
    refused = []
    with environment(store) as env:
        thread.start()
        for _ in range(40):
            try:
                env.range(1, parallelism=1).map(lambda x: box[0]).persist()
            except DTSetError as error:
                refused.append(str(error))
        ended.set()
        thread.join()
    assert all("changes all the time" in each for each in refused)
    with environment(store) as env:
        for value in range(50):
            box[0] = value
            assert env.range(1, parallelism=1).map(lambda x: box[0]).persist().collect() == [value]


def test_random_numbers_are_the_same_whatever_is_asked_below_and_whatever_the_function_is_called(
    store,
):
    def drawn(x, ctx):
        return int(ctx.random.integers(1000))

    def again(x, ctx):
        return int(ctx.random.integers(1000))

    with environment(store) as env:
        numbers = env.range(8).map(drawn)
        assert numbers.collect() == numbers.map(abs).collect() == env.range(8).map(again).collect()
        assert numbers.persist().collect() == numbers.collect()


def test_several_threads_persist_and_plan_on_one_environment(store):
    from concurrent.futures import ThreadPoolExecutor

    with environment(store) as env:

        def work(number):
            found = []
            for step in range(6):
                lazy = (
                    env.range(4)
                    .map(Record)
                    .map(lambda r, n=number, s=step: (r.x, n, s))
                    .lazy_persist()
                )
                env.plan(lazy)
                found.append(lazy.count())
            return found

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(work, range(4))) == [[4] * 6] * 4


@pytest.mark.parametrize(("setting", "hit"), [("LOCKED", True), (["LOCKED"], True), ([], False)])
def test_a_global_that_is_left_out_by_name_does_not_count(store, setting, hit):
    namespace = {"LOCKED": 1, "K": 1, "__name__": "job"}
    exec("def f(x): return x + K if LOCKED else x", namespace)
    with dask.config.set({"dtset.fingerprint.ignore": setting}):
        for locked, expected in ((1, False), (2, hit)):
            namespace["LOCKED"] = locked
            with environment(store) as env:
                assert env.range(2).map(namespace["f"]).persist().hit is expected
        before = fingerprint(namespace["f"])
        namespace["LOCKED"] = 3
        assert (fingerprint(namespace["f"]) == before) is hit
        namespace["K"] = 5
        with environment(store) as env:
            assert env.range(2).map(namespace["f"]).persist().hit is False


def test_functions_of_one_version_word_are_told_apart(store):
    @version("1")
    def one(x):
        return x + 1

    @version("1")
    def other(x):
        return x * 100

    with environment(store) as env:
        assert env.range(3).map(one).map(abs).persist().collect() == [1, 2, 3]
        assert env.range(3).map(other).map(abs).persist().collect() == [0, 100, 200]
