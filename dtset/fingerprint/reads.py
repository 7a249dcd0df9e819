"""What each partition of a plan reads: by that, and its chain, it is known again whatever becomes of its neighbours."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from itertools import chain

from dtset.fingerprint import Session, fingerprint_tree
from dtset.plan.nodes import Mark, Node, Source, Zip, topological
from dtset.plan.reads import FileRange, Reads


def plan_reads(
    node: Node,
    stored: Mapping[Mark, Sequence[Reads]],
    chains: Mapping[Mark, str],
    session: Session,
) -> Sequence[Reads]:
    """Return what each partition of a node reads, given what those of stored ones do, and the chains of inputs.

    Of all that is between, a partition depends on the same partition of its inputs only, or on one of one input.
    """
    found: dict[Mark, Sequence[Reads]] = dict(stored)
    for needed in topological(node, until=lambda above: above.mark in stored):
        if needed.mark in found:
            continue
        if isinstance(needed, Source):
            found[needed.mark] = _source_reads(needed, session)
        elif isinstance(needed, Zip) and needed.is_behind:
            found[needed.mark] = [
                (f"of {chains[above.mark]}", *reads)
                for above in needed.inputs
                for reads in found[above.mark]
            ]
        else:
            inputs = [_spread(found[above.mark], needed.parallelism) for above in needed.inputs]
            if any(side.parallelism > 1 for side in needed.sides.values()):
                # What of a side input a partition sees depends on its number.
                inputs.append(_numbers(needed))
            found[needed.mark] = [tuple(chain(*each)) for each in zip(*inputs, strict=True)]
    return found[node.mark]


def key_of(reads: Reads, digest_of: Callable[[FileRange], str | None]) -> str | None:
    """Return the key of what a partition reads: equal where it is; None where a digest of it is not known.

    Examples
    --------
    >>> key_of(["a", "bc"], lambda _: None) == key_of(["ab", "c"], lambda _: None)
    False
    """
    hasher = hashlib.sha256()
    for read in reads:
        if isinstance(read, str):
            said = f"value {read}"
        else:
            digest = digest_of(read)
            if digest is None:
                return None
            said = f"file {len(read.name)} {read.name} {digest}"
        hasher.update(f"{len(said)}:{said}".encode("utf-8", "surrogatepass"))
    return hasher.hexdigest()


def _source_reads(source: Source, session: Session) -> Sequence[Reads]:
    """What each partition of a source reads; what a function gives depends on the number of the partition."""
    if source.data is None:
        return _numbers(source)
    # How many parts there are tells one source's from the next one's.
    return [
        (f"{len(parts)} {fingerprint_tree(value, 'elements', session=session).digest}", *parts)
        for value, parts in source.data.reads(source.parallelism)
    ]


def _numbers(node: Node) -> Sequence[Reads]:
    return [(f"partition {number}",) for number in range(node.parallelism)]


def _spread(reads: Sequence[Reads], partitions: int) -> Sequence[Reads]:
    """Reads of an input by partition of what reads it: one of a single partition is read by all."""
    return [*reads] * partitions if len(reads) == 1 else reads
