"""Data brought to the driver by partition, and tables as rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dtset import DataObject, EmptyTSetError, TSetEnvironment


@pytest.mark.parametrize("kept", [None, "cache", "persist"])
def test_data_come_by_partition(env, kept):
    tset = env.range(5, parallelism=3).map(lambda i: i * i)
    data = (tset if kept is None else getattr(tset, kept)()).get_data()
    assert isinstance(data, DataObject)
    assert data.partition_count == 3
    assert [list(part) for part in data.get_partitions()] == [[0], [1, 4], [9, 16]]
    last = data.get_partition(2)
    assert (last.id, last.first(), list(last.consumer())) == (2, 9, [9, 16])
    assert last.to_numpy().tolist() == [9, 16]
    empty = env.parallelize([], 1).get_data().get_partition(0)
    assert empty.first_or_default(7) == 7
    with pytest.raises(EmptyTSetError):
        empty.first()


@pytest.mark.parametrize("cluster", ["synchronous", "threads"])
def test_a_frame_gives_its_rows_as_named_tuples(store, cluster):
    frame = pd.DataFrame({"city": ["Ulm", "Bonn"], "n": [1, 2], "2020": [0.5, np.nan]})

    def run():
        with TSetEnvironment(store=store, cluster=cluster, job_id="frame") as env:
            rows = env.parallelize(frame, 2)
            assert [(row.city, row.n, row._fields) for row in rows.collect()] == [
                ("Ulm", 1, ("city", "n", "_2")),
                ("Bonn", 2, ("city", "n", "_2")),
            ]
            made = rows.filter(lambda row: row.n > 1).persist()
            (row,) = made.collect()
            assert (type(row).__name__, row.city) == ("Row", "Bonn")
            return made.hit

    assert run() is False
    assert run() is True
    frame.loc[1, "n"] = 3
    assert run_changed(store, cluster, frame) == 1


def run_changed(store, cluster, frame):
    with TSetEnvironment(store=store, cluster=cluster, job_id="frame") as env:
        return env.parallelize(frame, 2).filter(lambda row: row.n > 1).persist().hit


def test_rows_travel_to_workers(store, local_cluster):
    frame = pd.DataFrame({"city": ["Ulm", "Bonn"], "n": [1, 2]})
    with TSetEnvironment(store=store, cluster=local_cluster, job_id="rows") as env:
        assert env.parallelize(frame, 2).map(lambda row: row.city * row.n).collect() == [
            "Ulm",
            "BonnBonn",
        ]
