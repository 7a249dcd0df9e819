"""Operations against PySpark's RDD on the same random data, where PySpark is installed and the semantics agree."""

from __future__ import annotations

import random

import pytest

from dtset import TSetEnvironment

pyspark = pytest.importorskip("pyspark", reason="PySpark is not installed")


@pytest.fixture(scope="module")
def spark():
    context = pyspark.SparkContext("local[2]", "dtset")
    context.setLogLevel("ERROR")
    yield context
    context.stop()


@pytest.fixture(scope="module", params=range(3))
def both(request, spark, tmp_path_factory):
    """Two sets of pairs, as ours and as theirs."""
    chance = random.Random(request.param)
    sides = [
        [(chance.choice("abcdefgh") * chance.randrange(3), chance.randrange(50)) for _ in range(n)]
        for n in (300, 200)
    ]
    with TSetEnvironment(cluster="synchronous", store=tmp_path_factory.mktemp("store")) as env:
        ours = [env.parallelize(side, 3).map_to_tuple(tuple) for side in sides]
        yield ours, [spark.parallelize(side, 3) for side in sides]


def test_reduce_by_key(both):
    (ours, _), (theirs, _) = both
    found = ours.keyed_reduce(lambda a, b: a + b).collect()
    assert sorted(found) == sorted(theirs.reduceByKey(lambda a, b: a + b).collect())


def test_group_by_key(both):
    (ours, _), (theirs, _) = both
    found = [(key, sorted(values)) for key, values in ours.keyed_gather().collect()]
    assert sorted(found) == sorted(theirs.groupByKey().mapValues(sorted).collect())


@pytest.mark.parametrize(
    ("how", "method"),
    [
        ("inner", "join"),
        ("left", "leftOuterJoin"),
        ("right", "rightOuterJoin"),
        ("outer", "fullOuterJoin"),
    ],
)
def test_joins(both, how, method):
    (left, right), (their_left, their_right) = both
    found = [
        (joined.key, (joined.left, joined.right)) for joined in left.join(right, how).collect()
    ]
    theirs = getattr(their_left, method)(their_right).collect()
    assert sorted(found, key=repr) == sorted(theirs, key=repr)


@pytest.mark.parametrize("ascending", [True, False])
def test_sort_by_key(both, ascending):
    (ours, _), (theirs, _) = both
    found = ours.sort_by_key(ascending).collect()
    expected = theirs.sortByKey(ascending).collect()
    assert [key for key, _ in found] == [key for key, _ in expected]
    assert sorted(found) == sorted(expected)


def test_union(both):
    (left, right), (their_left, their_right) = both
    assert sorted(left.union(right).collect()) == sorted(their_left.union(their_right).collect())
