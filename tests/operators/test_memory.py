"""Grouping and joining five million pairs in four partitions, on workers of 256 MB."""

from __future__ import annotations

import pytest

from dtset import TSetEnvironment

COUNT = 1_250_000


def pairs(ctx):
    for i in range(COUNT):
        yield i * 7919 % 500_000, i


def half_of_one_key(pair):
    return (0 if pair[1] % 2 else pair[0]), pair[1]


def length(group):
    return sum(1 for _ in group[1])


@pytest.fixture
def small_workers(tmp_path):
    resources = [{"cpu": 1, "ram": 256, "instances": 2}]
    with TSetEnvironment(store=tmp_path, resources=resources) as env:
        yield env.create_source(pairs, 4).map_to_tuple(tuple)


@pytest.mark.nightly
def test_groups_of_all(small_workers):
    assert small_workers.keyed_gather().map(length).sum() == 4 * COUNT


@pytest.mark.nightly
def test_a_key_that_half_of_all_have(small_workers):
    skewed = small_workers.map_to_tuple(half_of_one_key)
    assert skewed.keyed_gather().map(length).max() >= 2 * COUNT


@pytest.mark.nightly
def test_a_join(small_workers):
    some = small_workers.filter(lambda pair: pair[1] % 10 == 0)
    expected = {}
    for i in range(0, COUNT, 10):
        expected[i * 7919 % 500_000] = expected.get(i * 7919 % 500_000, 0) + 4
    of_all = {}
    for i in range(COUNT):
        of_all[i * 7919 % 500_000] = of_all.get(i * 7919 % 500_000, 0) + 4
    assert small_workers.join(some).count() == sum(of_all[key] * n for key, n in expected.items())
