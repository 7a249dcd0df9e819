"""What user functions derive from, are passed, and give."""

from __future__ import annotations

from dtset.operators.data_partition import DataObject, DataPartition
from dtset.operators.joins import JoinedTuple
from dtset.plan.context import TSetContext
from dtset.plan.partition_func import PartitionFunc
from dtset.plan.source_func import SourceFunc

__all__ = [
    "DataObject",
    "DataPartition",
    "JoinedTuple",
    "PartitionFunc",
    "SourceFunc",
    "TSetContext",
]
