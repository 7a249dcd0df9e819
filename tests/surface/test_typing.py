"""What a type checker makes of flows: it follows the types of elements."""

from __future__ import annotations

import sys
import textwrap

from mypy import api

PROGRAM = textwrap.dedent(
    """
    from collections.abc import AsyncIterator, Iterator
    from typing import Any, assert_type

    from dtset import (
        CachedTSet,
        JoinedTuple,
        KeyedTSet,
        PersistedTSet,
        SourceFunc,
        TSet,
        TSetContext,
        TSetEnvironment,
    )
    from dtset.operators.kernels.values import Values

    env = TSetEnvironment(cluster="synchronous")
    numbers = assert_type(env.range(3), TSet[int])
    assert_type(numbers.map(str), TSet[str])
    assert_type(numbers.map(lambda i: i + 0.5), TSet[float])
    assert_type(numbers.map(lambda i, ctx: str(i) + str(ctx.index)), TSet[str])
    assert_type(numbers.filter(lambda i: i > 1), TSet[int])

    async def fetched(i: int) -> str:
        return str(i)

    async def pages(i: int) -> AsyncIterator[str]:
        yield str(i)

    assert_type(numbers.map(fetched, concurrency=8, timeout=2.5), TSet[str])
    assert_type(numbers.map(str, retries=2, on_error="skip"), TSet[str])
    assert_type(numbers.filter(fetched, retries=1), TSet[int])
    assert_type(numbers.flat_map(pages), TSet[str])
    assert_type(numbers.flat_map(lambda i: [str(i)]), TSet[str])
    assert_type(numbers.reduce(lambda a, b: a + b).first(), int)
    assert_type(numbers.collect(), list[int])
    assert_type(numbers.take(2), list[int])
    assert_type(numbers.cache(), CachedTSet[int])
    assert_type(numbers.persist("numbers"), PersistedTSet[int])
    assert_type(numbers.cache().filter(lambda i, ctx: i > ctx.index), TSet[int])
    assert_type(numbers.persist().direct(), TSet[int])
    assert_type(numbers.partition(lambda i: i % 2, 2), TSet[int])
    assert_type(numbers.union(numbers), TSet[int])
    assert_type(numbers.gather(), TSet[int])
    assert_type(numbers.repartition(2).sort_by(str), TSet[int])
    assert_type(numbers.group_by(str), KeyedTSet[str, Values[int]])
    assert_type(numbers.all_reduce(max).replicate(2), TSet[int])
    assert_type(numbers.concat(numbers, numbers.cache()), TSet[int])
    assert_type(numbers.partition(env.functions.partition.round_robin), TSet[int])
    pairs = assert_type(numbers.map_to_tuple(lambda i: (str(i), i)), KeyedTSet[str, int])
    assert_type(pairs.keyed_reduce(lambda a, b: a + b), KeyedTSet[str, int])
    assert_type(pairs.keyed_gather(), KeyedTSet[str, Values[int]])
    assert_type(pairs.keyed_gather_ungrouped(len), KeyedTSet[str, int])
    assert_type(pairs.cogroup(pairs), KeyedTSet[str, tuple[Values[int], Values[int]]])
    assert_type(pairs.sort_by_key(False), KeyedTSet[str, int])
    assert_type(pairs.gather(), KeyedTSet[str, int])
    assert_type(pairs.filter(lambda pair: pair[1] > 0), KeyedTSet[str, int])
    assert_type(pairs.union([pairs, pairs]), KeyedTSet[str, int])
    assert_type(pairs.cache().pipe().keyed_reduce(max), KeyedTSet[str, int])
    assert_type(pairs.cache().union(pairs), KeyedTSet[str, int])
    assert_type(pairs.union(numbers.map(lambda i: (str(i), i))), TSet[tuple[str, int]])
    assert_type(pairs.reduce(max), TSet[tuple[str, int]])
    assert_type(pairs.collect(), list[tuple[str, int]])
    assert_type(pairs.persist().keyed_reduce(max), KeyedTSet[str, int])
    assert_type(pairs.cache().join(pairs), TSet[JoinedTuple[str, int, int]])
    assert_type(pairs.distinct().sample(0.5, 1), KeyedTSet[str, int])
    assert_type(numbers.key_by(str).map_values(float), KeyedTSet[str, float])
    assert_type(pairs.flat_map_values(lambda v: [str(v)]).values(), TSet[str])
    assert_type(numbers.map(str).zip_with_index().keys(), TSet[str])
    assert_type((numbers.sum(), numbers.top(2, key=str)), tuple[int, list[int]])
    assert_type(numbers.fold(0, max), int)
    assert_type(pairs.aggregate_by_key(0.5, max, max), KeyedTSet[str, float])
    assert_type((pairs.lookup("a"), pairs.collect_as_map()), tuple[list[int], dict[str, int]])
    assert_type(env.parallelize(["a"]), TSet[str])
    assert_type(env.parallelize({"a": 1.5}), KeyedTSet[str, float])
    assert_type(env.create_source(lambda: [1]), TSet[int])
    assert_type(env.create_source(lambda ctx: range(ctx.index)), TSet[int])
    assert_type(env.create_keyed_source(lambda: [("a", 1)]), KeyedTSet[str, int])

    class Words(SourceFunc):
        def has_next(self) -> bool:
            return False

        def next(self) -> str:
            return "a"

    assert_type(env.create_source(Words(), 4), TSet[str])
    assert_type(env.read_text("x.txt").map(len), TSet[int])
    assert_type(env.read_files("x").map(lambda pair: pair[1]), TSet[bytes])
    assert_type(env.read_csv("x.csv").map(len), TSet[int])
    assert_type(env.read_parquet("x.parquet", columns=["n"]).map(len), TSet[int])

    def streamed(itr: Iterator[int], ctx: TSetContext) -> Iterator[str]:
        yield from map(str, itr)

    def counted(itr: Iterator[int], ctx: TSetContext) -> int:
        return len(list(itr))

    assert_type(numbers.compute(streamed), TSet[str])
    assert_type(numbers.compute(counted), TSet[int])
    assert_type(numbers.compute(lambda itr, ctx: sum(itr)), TSet[int])
    assert_type(numbers.reduce(max).compute(lambda value, ctx: value + 0.5), TSet[float])

    def pushed(itr: Iterator[int], collector: Any, ctx: TSetContext) -> None:
        collector.collect(str(next(itr)))

    def of_texts(itr: Iterator[str], ctx: TSetContext) -> int:
        return len(next(itr))

    assert_type(numbers.compute(pushed), TSet[Any])
    """
)
WRONG = {
    'numbers.map(lambda i: i + "a")': "Unsupported operand types",
    "numbers.filter(len)": "incompatible type",
    'numbers.map(str, on_error="ignore")': "No overload variant",
    "numbers.compute(of_texts)": "incompatible type",
    'numbers.for_each(lambda i: i + "a")': "Unsupported operand types",
    "numbers.lazy_sink(lambda itr: len(itr))": "incompatible type",
    "numbers.cache().filter(bool).unpersist()": "has no attribute",
    "env.create_source(3)": "incompatible type",
    "env.create_source(Words)": "incompatible type",
    "pairs.union(numbers)": "incompatible type",
    "numbers.map_to_tuple(str)": "incompatible type",
    "numbers.keyed_reduce(max)": "has no attribute",
    "pairs.join(numbers)": "incompatible type",
    'pairs.keyed_reduce(lambda a, b: a + "x")': "Unsupported operand",
    "numbers.map(str).reduce(lambda a, b: len(a))": "Incompatible return value",
}


def test_types_of_elements_are_followed_and_mistakes_found(tmp_path):
    program = tmp_path / "flow.py"
    program.write_text(PROGRAM + "\n".join(WRONG) + "\n")
    arguments = ["--strict", "--cache-dir", str(tmp_path / "cache"), "--no-error-summary"]
    out, _, status = api.run([*arguments, "--python-executable", sys.executable, str(program)])
    assert status == 1
    begin = PROGRAM.count("\n") + 1
    found = [line for line in out.splitlines() if ": error:" in line]
    assert all(int(line.split(":")[1]) >= begin for line in found), out
    for number, (statement, said) in enumerate(WRONG.items(), begin):
        mistakes = [line for line in found if int(line.split(":")[1]) == number]
        assert any(said in line for line in mistakes), f"{statement}: {out}"
