"""Objects of libraries, many of them compiled, as elements, keys, closures, variables, on every scheduler."""

from __future__ import annotations

import datetime
import decimal
import functools
import re
import zoneinfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import scipy.interpolate
import scipy.sparse
import scipy.spatial
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import BallTree, KDTree
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from dtset import TSetEnvironment
from dtset.fingerprint import fingerprint

X = np.arange(40.0).reshape(20, 2)
Y = np.arange(20) % 2


def half(x):
    return x / 2


@functools.lru_cache
def third(x):
    return x / 3


class Rec:
    @staticmethod
    def double(x):
        return 2 * x

    def score(self):
        return 7


HASHABLE = {
    "Timestamp": lambda: pd.Timestamp("2021-01-01", tz="Europe/Berlin"),
    "NaT": lambda: pd.NaT,
    "NA": lambda: pd.NA,
    "Timedelta": lambda: pd.Timedelta("1D"),
    "Period": lambda: pd.Period("2021-01", "M"),
    "Interval": lambda: pd.Interval(0, 1),
    "offset": lambda: pd.offsets.MonthEnd(2),
    "CategoricalDtype": lambda: pd.CategoricalDtype(["a", "b"]),
    "Arrow scalar": lambda: pa.scalar(5),
    "Arrow type": lambda: pa.list_(pa.int8()),
    "Arrow schema": lambda: pa.schema([("a", pa.int64())]),
    "datetime64": lambda: np.datetime64("2021-01-01"),
    "zone": lambda: zoneinfo.ZoneInfo("Europe/Berlin"),
    "zoned": lambda: datetime.datetime(2021, 1, 1, tzinfo=zoneinfo.ZoneInfo("Asia/Tokyo")),
    "pattern": lambda: re.compile("a+"),
    "function": lambda: half,
    "cached function": lambda: third,
    "static method": lambda: Rec.double,
    "class": lambda: Rec,
    "library's function": lambda: pd.concat,
    "library's class": lambda: pd.Timestamp,
}
OBJECTS = {
    **HASHABLE,
    "DataFrame": lambda: pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
    "times": lambda: pd.DataFrame({"t": pd.date_range("2021", periods=3, tz="UTC")}),
    "Series": lambda: pd.Series(["a", "b"], name="s"),
    "Categorical": lambda: pd.Categorical(["a", "b", "a"]),
    "DatetimeIndex": lambda: pd.date_range("2021", periods=3),
    "TimedeltaIndex": lambda: pd.timedelta_range("1D", periods=3),
    "PeriodIndex": lambda: pd.period_range("2021", periods=3, freq="M"),
    "IntervalIndex": lambda: pd.interval_range(0, 3),
    "MultiIndex": lambda: pd.MultiIndex.from_tuples([(1, "a"), (2, "b")]),
    "sparse": lambda: pd.arrays.SparseArray([0, 0, 1]),
    "Int64": lambda: pd.array([1, None], dtype="Int64"),
    "Arrow table": lambda: pa.table({"a": [1, 2]}),
    "Arrow array": lambda: pa.array([1, None]),
    "Arrow dictionary": lambda: pa.array(["a", "b"]).dictionary_encode(),
    "Arrow expression": lambda: pc.field("a") > 5,
    "Generator": lambda: np.random.default_rng(1),
    "RandomState": lambda: np.random.RandomState(1),
    "SeedSequence": lambda: np.random.SeedSequence(1),
    "structured": lambda: np.zeros(2, dtype="i4,f4"),
    "masked": lambda: np.ma.array([1, 2], mask=[0, 1]),
    "cKDTree": lambda: scipy.spatial.cKDTree(X),
    "KDTree": lambda: KDTree(X),
    "BallTree": lambda: BallTree(X),
    "csr": lambda: scipy.sparse.csr_array(X),
    "spline": lambda: scipy.interpolate.CubicSpline(np.arange(5), np.arange(5)),
    "interp1d": lambda: scipy.interpolate.interp1d([1, 2], [3, 4]),
    "boosting": lambda: GradientBoostingClassifier(n_estimators=2, random_state=0).fit(X, Y),
    "histogram boosting": lambda: HistGradientBoostingClassifier(max_iter=2, random_state=0).fit(X, Y),
    "pipeline": lambda: make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y),
    "FunctionTransformer": lambda: FunctionTransformer(half),
    "partial": lambda: functools.partial(half, 3),
    "bound method": lambda: Rec().score,
    "context": lambda: decimal.Context(5),
}  # fmt: skip
NAMES = tuple(OBJECTS)
DIGESTS = {name: fingerprint(make()) for name, make in OBJECTS.items()}


@pytest.fixture(params=["synchronous", "threads", "distributed"])
def start(request, store):
    is_distributed = request.param == "distributed"
    cluster = request.getfixturevalue("local_cluster") if is_distributed else request.param
    return lambda: TSetEnvironment(
        store=store, cluster=cluster, job_id="objects", parallelism=2, keep_variables=True
    )


def made():
    return {name: make() for name, make in OBJECTS.items()}


def digests(pairs):
    """Digests of the objects, taken where they are."""
    return {name: fingerprint(each) for name, each in pairs}


def test_an_object_comes_back_as_it_was(start):
    def pairs(env):
        return env.range(len(NAMES)).map(lambda i: (NAMES[i], OBJECTS[NAMES[i]]()))

    with start() as env:
        assert digests(pairs(env).collect()) == DIGESTS
        persisted = pairs(env).persist("pairs")
        assert digests(persisted.collect()) == DIGESTS
        # Where they are read again: on workers.
        assert (
            dict(persisted.map(lambda pair: (pair[0], fingerprint(pair[1]))).collect()) == DIGESTS
        )
        assert digests(persisted.cache().collect()) == DIGESTS
    with start() as env:
        again = pairs(env).persist("pairs")
        assert again.hit is True
        assert digests(again.collect()) == DIGESTS


def test_a_key_of_a_dict_comes_back_as_it_was(start):
    names = tuple(HASHABLE)
    with start() as env:
        found = env.range(len(names)).map(lambda i: (names[i], {HASHABLE[names[i]](): i}))
        keys = [(name, next(iter(held))) for name, held in found.persist("keys").collect()]
    assert digests(keys) == {name: DIGESTS[name] for name in names}


def test_an_object_travels_in_a_closure_and_counts(start):
    held = made()
    with start() as env:
        found = env.range(2).map(lambda _: digests(held.items())).persist("closure").collect()
    assert found == [DIGESTS, DIGESTS]


def test_a_variable_is_there_again(start):
    with start() as env:
        for name, make in OBJECTS.items():
            env.init_variable(name, None)
            env.update_variable(name, make())
        env.commit()
    with start() as env:
        assert digests((name, env.init_variable(name, None)) for name in NAMES) == DIGESTS


def test_objects_are_reduced_and_reduced_by_key(start):
    def latest(a, b):
        return a if a[0] > b[0] else b

    with start() as env:
        (last,) = env.range(4).map(lambda i: (i, made())).reduce(latest).collect()
        assert digests(last[1].items()) == DIGESTS
        keyed = env.range(4 * len(NAMES)).map_to_tuple(
            lambda i: (NAMES[i // 4], (i, OBJECTS[NAMES[i // 4]]()))
        )
        reduced = keyed.keyed_reduce(latest).persist("reduced").collect()
        assert digests((name, value[1]) for name, value in reduced) == DIGESTS
