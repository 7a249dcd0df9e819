"""Bad input gets a clear error before anything is computed or written."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import threading
from functools import partial
from pathlib import Path

import dask.config
import numpy as np
import pytest
from distributed import Client, LocalCluster

from dtset import (
    ConfigurationError,
    DTSetError,
    FingerprintError,
    SourceFunc,
    StoreError,
    TSetEnvironment,
    UsageError,
)


@pytest.mark.parametrize(
    "job_id", ["", "a/b", "..", "a..b", ".hidden", "a b", "ü", "x" * 201, "a\n", "\\"]
)
def test_job_ids_that_cannot_name_a_folder(store, job_id):
    with pytest.raises(ConfigurationError, match="job ID"):
        TSetEnvironment(job_id=job_id, store=store, cluster="synchronous")
    assert not os.listdir(store)


def test_store_that_cannot_be_written(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(StoreError, match=str(blocked)):
        TSetEnvironment(store=blocked / "store", cluster="synchronous")
    assert blocked.read_text() == "not a folder"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_store_without_permission(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(StoreError):
        TSetEnvironment(store=tmp_path, cluster="synchronous")


@pytest.mark.parametrize("url", ["nosuch://bucket/x", "adl://tenant/x"])
def test_store_of_a_missing_package_names_it(url):
    with pytest.raises(StoreError, match=url.partition(":")[0]):
        TSetEnvironment(store=url, cluster="synchronous")


def test_store_in_memory_with_worker_processes():
    with pytest.raises(ConfigurationError, match="memory"):
        TSetEnvironment(store="memory://x", resources=[{"cpu": 1, "ram": 512, "instances": 1}])


@pytest.mark.parametrize("parallelism", [0, -1, 2.5, "4", True])
def test_parallelism_of_the_environment(store, parallelism):
    with pytest.raises(ConfigurationError, match="parallelism"):
        TSetEnvironment(store=store, cluster="synchronous", parallelism=parallelism)
    assert not os.listdir(store)


@pytest.mark.parametrize("parallelism", [-1, 2.5, "4", None, True])
def test_parallelism_of_a_source(env, parallelism):
    for make in (
        lambda: env.create_source(lambda: [1], parallelism),
        lambda: env.parallelize([1], parallelism),
        lambda: env.range(3, parallelism=parallelism),
    ):
        with pytest.raises(ConfigurationError, match="parallelism"):
            make()


@pytest.mark.parametrize("cluster", ["nosuch", 7, object(), ["threads"]])
def test_cluster_that_is_none(store, cluster):
    with pytest.raises(ConfigurationError, match="cluster="):
        TSetEnvironment(store=store, cluster=cluster)


def test_cluster_address_where_nobody_answers(store):
    fast = dask.config.set({"distributed.comm.timeouts.connect": "1s"})
    with fast, pytest.raises(ConfigurationError, match=r"tcp://127\.0\.0\.1:1"):
        TSetEnvironment(store=store, cluster="tcp://127.0.0.1:1")


@pytest.mark.parametrize(
    "resources",
    [[{"cpu": 0}], [{"instances": "many"}], [{"instances": 0}], [{"gpu": 1}], [{"ram": -1}]],
)
def test_resources_in_no_known_form(store, resources):
    with pytest.raises(ConfigurationError, match="resources="):
        TSetEnvironment(store=store, resources=resources)


class NoSource:
    def has_next(self):
        return False


@pytest.mark.parametrize("source", [NoSource(), NoSource, 5, "text", None, [1, 2]])
def test_a_source_that_is_none(env, source):
    with pytest.raises(UsageError, match="has_next"):
        env.create_source(source)


@pytest.mark.parametrize(
    ("operation", "function"),
    [
        ("map", lambda: 0),
        ("map", lambda a, b, c: 0),
        ("map", 5),
        ("map", None),
        ("filter", lambda: 0),
        ("flat_map", lambda a, b, c: 0),
        ("compute", lambda x: 0),
        ("compute", lambda a, b, c, d: 0),
        ("map_to_tuple", lambda: 0),
        ("reduce", lambda a: a),
        ("reduce", lambda a, b, c: a),
        ("for_each", lambda: 0),
        ("sink", lambda a, b, c: 0),
        ("map", lambda x, *, must: x),
    ],
)
def test_functions_of_a_wrong_number_of_parameters(env, operation, function):
    with pytest.raises(UsageError) as caught:
        getattr(env.range(3), operation)(function)
    assert isinstance(caught.value, TypeError)


def test_source_of_too_many_parameters(env):
    with pytest.raises(UsageError, match="2 parameters"):
        env.create_source(lambda a, b: [])


@pytest.mark.parametrize("n", [-1, 1.5, "2", None])
def test_take_of_no_number(env, n):
    with pytest.raises(ConfigurationError, match="take"):
        env.range(3).take(n)


def test_parallelize_of_no_iterable(env):
    with pytest.raises(UsageError, match="iterable"):
        env.parallelize(5)
    with pytest.raises(UsageError, match="mapping"):
        env.parallelize_dict([1])


def test_range_of_no_numbers(env):
    with pytest.raises(ConfigurationError, match="range"):
        env.range(1, 5, 0)
    with pytest.raises(ConfigurationError, match="range"):
        env.range("3")


def test_text_that_is_not_there(env, tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing"):
        env.read_text(tmp_path / "nothing*.txt")
    with pytest.raises(ConfigurationError, match="encoding"):
        env.read_text(tmp_path / "x", encoding="utf-99")


def test_run_of_what_is_no_tset(env):
    with pytest.raises(UsageError, match="takes TSets"):
        env.run([1, 2])


def test_a_closed_environment_says_so(store):
    env = TSetEnvironment(store=store, cluster="synchronous", job_id="closed")
    tset = env.range(3)
    env.close()
    env.close()
    for use in (tset.collect, tset.persist, lambda: env.range(3), env.run):
        with pytest.raises(UsageError, match="closed"):
            use()


def test_a_fingerprint_error_comes_before_anything_runs(store, tmp_path):
    handle = open(tmp_path / "open", "w")  # noqa: SIM115

    def noted(x):
        (tmp_path / "ran").touch()
        handle.write("x")
        return x

    env = TSetEnvironment(store=store, cluster="synchronous", job_id="j")
    with env, pytest.raises(DTSetError, match="handle"):
        env.range(3).map(noted).persist()
    assert not (tmp_path / "ran").exists()
    assert not list(Path(store).glob("j/tsets/*/*/*"))
    handle.close()


def test_update_of_a_variable_that_was_not_initialised(env):
    with pytest.raises(UsageError, match="init_variable"):
        env.update_variable("epoch", 1)


def test_values_of_settings_that_cannot_be_used(store):
    for key, value in (
        ("dtset.heartbeat.interval", "soon"),
        ("dtset.codec", "nosuch"),
        ("dtset.batch-size", 0),
        ("dtset.workers", -1),
        ("dtset.parallelism", 0),
    ):
        with dask.config.set({key: value}), pytest.raises(ConfigurationError):
            TSetEnvironment(store=store, cluster=None if "workers" in key else "synchronous")
        assert not os.listdir(store), key


def test_python_is_supported():
    assert sys.version_info >= (3, 11)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("store", 5), ("store", ""), ("config", 5), ("config", {1: 2}), ("resources", 5), ("resources", ["x"]),
        ("checkpointing", "no"), ("exclusive", 1), ("keep_variables", "yes"), ("name", 5), ("name", " "),
        ("storage_options", [1]),
    ],
)  # fmt: skip
def test_arguments_of_wrong_kinds(store, argument, value):
    arguments = {"store": store, "cluster": None if argument == "resources" else "synchronous"}
    with pytest.raises(ConfigurationError, match=argument):
        TSetEnvironment(**{**arguments, argument: value})
    assert not os.listdir(store)


@pytest.mark.parametrize("store", ["/proc/nothing", "/dev/null/store", "/sys/kernel/store"])
def test_stores_where_not_even_root_can_write(store):
    with pytest.raises(StoreError, match=store):
        TSetEnvironment(store=store, cluster="synchronous")


def test_persist_takes_a_name(env):
    for name in (5, ""):
        with pytest.raises(ConfigurationError, match="name"):
            env.range(3).persist(name)


def test_variables_of_a_closed_environment(store):
    env = TSetEnvironment(store=store, cluster="synchronous", job_id="closed")
    env.close()
    for use in (env.commit, lambda: env.init_variable("a", 1), lambda: env.update_variable("a", 1)):
        with pytest.raises(UsageError, match="closed"):
            use()


@pytest.mark.parametrize("name", ["", "a\nb: hit", "\x1b[2J", "\ud800", 5])
def test_names_that_a_terminal_would_obey_are_refused(env, name):
    for give in (env.range(2).persist, env.range(2).set_name):
        with pytest.raises(ConfigurationError, match="name"):
            give(name)


async def awaited(x):
    return x


async def awaited_stream(x):
    yield x


class AwaitedCall:
    async def __call__(self, x):
        return x


class AwaitedSource(SourceFunc):
    def has_next(self):
        return False

    async def next(self):
        return 1


@pytest.mark.parametrize(
    "function", [awaited, awaited_stream, AwaitedCall(), partial(awaited), partial(AwaitedCall())]
)
def test_async_functions_are_refused_at_once_where_nobody_awaits_them(env, function):
    tset = env.range(2)
    for operation in (tset.map_to_tuple, tset.map_batches, tset.lazy_sink):
        with pytest.raises(UsageError, match="is async"):
            operation(function)
    with pytest.raises(UsageError, match="is async"):
        env.create_source(AwaitedSource())
    for operation in (tset.map, tset.filter, tset.lazy_for_each):
        with pytest.raises(UsageError, match="awaited_stream yields: flat_map takes it"):
            operation(awaited_stream)


def test_operations_on_pairs_say_how_to_get_pairs(env):
    tset = env.range(2)
    assert not hasattr(tset, "keyed_reduce")
    with pytest.raises(AttributeError, match="map_to_tuple"):
        tset.keyed_reduce(max)
    with pytest.raises(AttributeError, match=r"'TSet' object has no attribute 'nothing'$"):
        tset.nothing
    assert hasattr(tset.map_to_tuple(lambda x: (x, x)), "keyed_reduce")


def test_a_tset_of_another_environment_is_refused_before_anything_runs(env, store):
    with TSetEnvironment(store=store, cluster="synchronous", job_id="other") as other:
        done, waiting = other.range(2).persist("done"), other.range(2).lazy_persist("waiting")
        mine = env.range(3).lazy_persist("mine")
        for tset in (done, waiting, other.range(2).lazy_for_each(print)):
            with pytest.raises(UsageError, match="another environment, of job other"):
                env.run(mine, tset)
        with pytest.raises(UsageError, match="another environment"):
            env.plan(done)
        assert env.plan(mine).persists[0].state == "miss"
        other.run()
        env.run()


def test_integers_of_any_type_are_numbers_of_partitions_and_elements(store):
    with TSetEnvironment(
        store=store, cluster="synchronous", parallelism=np.int64(3), job_id="numbers"
    ) as env:
        assert type(env.parallelism) is int
        assert env.range(np.int64(4)).parallelism == 3
        tset = env.parallelize([1, 2, 3], np.uint8(2))
        assert (tset.parallelism, tset.take(np.int16(2))) == (2, [1, 2])
        tset.persist("p")
        assert env.persisted(np.int64(0)).count() == 3
        for wrong in (True, np.bool_(True), 2.0, -1):
            with pytest.raises(ConfigurationError):
                tset.take(wrong)
            with pytest.raises(ConfigurationError):
                env.range(3, parallelism=wrong)
    for wrong in ({"instances": 1.5}, {"instances": "one"}):
        with pytest.raises(ConfigurationError):
            TSetEnvironment(store=store, resources=[wrong])


def test_a_failed_persist_that_was_caught_is_not_said_to_be_forgotten(store, caplog):
    with TSetEnvironment(store=store, cluster="synchronous", job_id="caught") as env:
        for store_it in ("persist", "cache"):
            with pytest.raises(ZeroDivisionError):
                getattr(env.range(2).map(lambda x: 1 // x), store_it)()
    assert "carried out" not in caplog.text
    with TSetEnvironment(store=store, cluster="synchronous", job_id="caught") as env:
        env.range(2).lazy_persist()
    assert "carried out" in caplog.text


def test_clients_and_clusters_that_run_nothing_are_refused(store):
    cluster = LocalCluster(n_workers=1, processes=False, dashboard_address=":0")
    client = Client(cluster, set_as_default=False)
    client.close()
    with pytest.raises(ConfigurationError, match="Client is closed"):
        TSetEnvironment(store=store, cluster=client)
    cluster.close()
    with pytest.raises(ConfigurationError, match="LocalCluster is closed"):
        TSetEnvironment(store=store, cluster=cluster)

    async def waited():
        async with Client(
            n_workers=1, processes=False, asynchronous=True, dashboard_address=":0"
        ) as client:
            for given in (client, client.cluster):
                with pytest.raises(ConfigurationError, match="asynchronous"):
                    TSetEnvironment(store=store, cluster=given)

    asyncio.run(waited())


def test_what_cannot_travel_is_named_by_its_operator(store):
    lock = threading.Lock()

    def clean(i):
        with lock:
            return i

    with TSetEnvironment(store=store, cluster="threads", checkpointing=False) as env:
        for action in (lambda t: t.map(clean).collect(), lambda t: t.for_each(clean)):
            with pytest.raises(
                FingerprintError, match=r"^(map|for_each) → function .*clean → closure lock"
            ):
                action(env.range(3))
