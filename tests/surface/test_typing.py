"""What a type checker makes of flows: it follows the types of elements."""

from __future__ import annotations

import sys
import textwrap

from mypy import api

PROGRAM = textwrap.dedent(
    """
    from collections.abc import Iterator
    from typing import assert_type

    import dtset
    from dtset import (
        CachedTSet,
        JoinedTuple,
        KeyedTSet,
        PersistedTSet,
        TSet,
        TSetContext,
        TSetEnvironment,
    )

    env = TSetEnvironment(cluster="synchronous")
    numbers = assert_type(env.range(3), TSet[int])
    assert_type(numbers.map(str), TSet[str])
    assert_type(numbers.map(lambda i: i + 0.5), TSet[float])
    assert_type(numbers.map(lambda i, ctx: str(i) + str(ctx.index)), TSet[str])
    assert_type(numbers.filter(lambda i: i > 1), TSet[int])
    assert_type(numbers.flat_map(lambda i: [str(i)]), TSet[str])
    assert_type(numbers.reduce(lambda a, b: a + b).first(), int)
    assert_type(numbers.collect(), list[int])
    assert_type(numbers.take(2), list[int])
    assert_type(numbers.cache(), CachedTSet[int])
    assert_type(numbers.persist("numbers"), PersistedTSet[int])
    assert_type(numbers.partition(lambda i: i % 2, 2), TSet[int])
    assert_type(numbers.union(numbers), TSet[int])
    pairs = assert_type(numbers.map_to_tuple(lambda i: (str(i), i)), KeyedTSet[str, int])
    assert_type(pairs.keyed_reduce(lambda a, b: a + b), KeyedTSet[str, int])
    assert_type(pairs.filter(lambda pair: pair[1] > 0), KeyedTSet[str, int])
    assert_type(pairs.collect(), list[tuple[str, int]])
    assert_type(pairs.persist().keyed_reduce(max), KeyedTSet[str, int])
    assert_type(pairs.cache().join(pairs), TSet[JoinedTuple[str, int, int]])
    assert_type(env.parallelize(["a"]), TSet[str])
    assert_type(env.parallelize({"a": 1.5}), KeyedTSet[str, float])
    assert_type(env.create_source(lambda: [1]), TSet[int])
    assert_type(env.read_text("x.txt").map(len), TSet[int])

    def streamed(itr: Iterator[int], ctx: TSetContext) -> Iterator[str]:
        yield from map(str, itr)

    def counted(itr: Iterator[int], ctx: TSetContext) -> int:
        return len(list(itr))

    assert_type(numbers.compute(streamed), TSet[str])
    assert_type(numbers.compute(counted), TSet[int])
    """
)
WRONG = {
    'numbers.map(lambda i: i + "a")': "Unsupported operand types",
    "numbers.filter(len)": "incompatible type",
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
