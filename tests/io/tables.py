"""How tables are read, partition by partition."""

from __future__ import annotations

from hypothesis import strategies as st

from dtset.plan.context import TSetContext

CUTS = st.integers(1, 7).map(lambda n: (n, "default")) | st.integers(1, 300).map(lambda b: (0, b))


def batches(source, limit=5):
    for index in range(len(source.parts)):
        ctx = TSetContext(index=index, parallelism=len(source.parts), id="t", name="t")
        yield from source.batches(ctx, limit)
        noted = ctx.notes.contents
        for part in source.parts[index]:
            # Hashed while it was read, as it is by itself.
            assert noted[part.state] == part.digest()


def rows(source, limit=5):
    return [row for batch in batches(source, limit) for row in batch.rows()]
