"""What people type who come from PySpark or dask.bag, and what it is here."""

from __future__ import annotations

HOW_TO_KEY = (
    "where elements are pairs (key, value), call .map_to_tuple(lambda x: x) on it first; on what join() gave, "
    ".map_to_tuple(lambda j: (j.key, (j.left, j.right)))"
)

ELSEWHERE = {
    # PySpark's names.
    "aggregateByKey": "aggregate_by_key(zero, f, g)",
    "coalesce": "repartition(n)",
    "collectAsMap": "collect_as_map()",
    "combineByKey": "aggregate_by_key(zero, f, g)",
    "countByKey": "count_by_key()",
    "countByValue": "count_by_value()",
    "flatMap": "flat_map(f)",
    "flatMapValues": "flat_map_values(f)",
    "foldByKey": "aggregate_by_key(zero, f, f)",
    "foreach": "for_each(f)",
    "foreachPartition": "sink(f)",
    "fullOuterJoin": 'join(other, how="outer")',
    "getNumPartitions": "the attribute parallelism",
    "glom": "get_data().get_partitions()",
    "groupBy": "group_by(f)",
    "groupByKey": "keyed_gather()",
    "isEmpty": "take(1), which is [] then",
    "keyBy": "key_by(f)",
    "leftOuterJoin": 'join(other, how="left")',
    "mapPartitions": "compute(f), whose f(itr, ctx) is a generator function",
    "mapPartitionsWithIndex": "compute(f), whose f(itr, ctx) is a generator function and finds ctx.index",
    "mapValues": "map_values(f)",
    "partitionBy": "keyed_partition(partition_func)",
    "reduceByKey": "keyed_reduce(f)",
    "rightOuterJoin": 'join(other, how="right")',
    "saveAsPickleFile": "persist(name)",
    "saveAsTextFile": "write_text(url)",
    "sortBy": "sort_by(f)",
    "sortByKey": "sort_by_key()",
    "takeOrdered": "take_ordered(n, key)",
    "treeReduce": "reduce(f)",
    "zipWithIndex": "zip_with_index()",
    # dask.bag's.
    "foldby": "key_by(f).aggregate_by_key(zero, f, g)",
    "frequencies": "count_by_value()",
    "groupby": "group_by(f)",
    "map_partitions": "compute(f), whose f(itr, ctx) is a generator function",
    "npartitions": "the attribute parallelism",
    "pluck": "map(operator.itemgetter(key))",
    "random_sample": "sample(fraction, seed)",
    "remove": "filter(f) with the opposite condition",
    "starmap": "map(lambda x: f(*x))",
    "to_textfiles": "write_text(url)",
    "topk": "top(n, key)",
}
