"""Parquet files, in partitions."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtset import ConfigurationError, SourceChangedError, TSetEnvironment
from dtset.io.cuts import Cutting
from dtset.io.parquet_files import parquet_source
from dtset.plan.context import TSetContext
from tests.io.tables import CUTS, rows


@pytest.fixture
def env(store):
    with TSetEnvironment(store=store, cluster="synchronous", job_id="job", parallelism=2) as env:
        yield env


TYPES = st.sampled_from(
    [
        *(pa.int8(), pa.int64(), pa.uint32(), pa.uint64(), pa.float32(), pa.float64(), pa.bool_()),
        *(pa.string(), pa.large_string(), pa.binary(), pa.date32(), pa.null(), pa.decimal128(5, 2)),
        *(pa.timestamp("s"), pa.timestamp("us"), pa.timestamp("ms", "UTC"), pa.duration("us")),
        *(pa.list_(pa.int64()), pa.dictionary(pa.int32(), pa.string()), pa.time64("us")),
        pa.struct([("a.b", pa.int64()), ("c", pa.string())]),
    ]
)
TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(
    lambda t: t.replace(microsecond=0)
)


def values_of(kind):
    if pa.types.is_integer(kind):
        bits, signed = kind.bit_width, not str(kind).startswith("u")
        return st.integers(-(2 ** (bits - 1)) * signed, 2 ** (bits - signed) - 1)
    if pa.types.is_floating(kind):
        return st.floats(width=kind.bit_width)
    if pa.types.is_dictionary(kind):
        return values_of(kind.value_type)
    if pa.types.is_timestamp(kind):
        return TIMES.map(lambda t: t.replace(tzinfo=UTC if kind.tz else None))
    if pa.types.is_list(kind):
        return st.lists(st.none() | st.integers(0, 3), max_size=3)
    if pa.types.is_struct(kind):
        return st.fixed_dictionaries({"a.b": st.integers(0, 9), "c": st.text(max_size=2)})
    return {
        "bool": st.booleans(),
        "string": st.text(max_size=5),
        "large_string": st.text(max_size=5),
        "binary": st.binary(max_size=5),
        "date32[day]": st.dates(),
        "null": st.none(),
        "decimal128(5, 2)": st.integers(0, 99999).map(lambda n: Decimal(n) / 100),
        "duration[us]": st.integers(-(10**15), 10**15).map(lambda n: timedelta(microseconds=n)),
        "time64[us]": st.times(),
    }[str(kind)]


@st.composite
def arrow_tables(draw):
    kinds = draw(st.lists(TYPES, min_size=1, max_size=5))
    names = [f"c.{number}" if number == 2 else f"c{number}" for number in range(len(kinds))]
    tables = []
    for _ in range(draw(st.integers(1, 3))):
        length = draw(st.integers(0, 12))
        columns = []
        for kind in kinds:
            items = values_of(kind) if draw(st.booleans()) else st.none() | values_of(kind)
            values = draw(st.lists(items, min_size=length, max_size=length))
            columns.append(pa.array(values, kind))
        tables.append(pa.table(columns, names))
    return tables


@settings(deadline=None)
@given(
    tables=arrow_tables(),
    cut=CUTS,
    group=st.integers(1, 12),
    limit=st.integers(1, 9),
    data=st.data(),
)
def test_parquet_is_read_as_by_arrow_however_it_is_cut(
    tmp_path_factory, tables, cut, group, limit, data
):
    folder = tmp_path_factory.mktemp("parquet")
    names = tables[0].column_names
    columns = data.draw(st.none() | st.permutations(names))
    expected = []
    for number, table in enumerate(tables):
        path = folder / f"{number}.parquet"
        pq.write_table(table, path, row_group_size=group)
        expected += pq.read_table(path).select(columns or names).to_pylist()
    source = parquet_source(str(folder / "*"), Cutting(*cut), columns, True, {})
    assert repr(rows(source, limit)) == repr(expected)


def test_wide_tables_and_times_of_nanoseconds(env, tmp_path):
    wide = pa.table({f"c{number}": [number, None] for number in range(100)})
    pq.write_table(wide, tmp_path / "wide.parquet")
    found = env.read_parquet(tmp_path / "wide.parquet", as_dicts=True).collect()
    assert found == wide.to_pylist()
    times = pa.table({"t": pa.array([1, None], pa.timestamp("ns"))})
    pq.write_table(times, tmp_path / "times.parquet")
    assert (
        env.read_parquet(tmp_path / "times.parquet", as_dicts=True).collect() == times.to_pylist()
    )


def test_parquet_files_that_differ_or_are_none(env, tmp_path):
    pq.write_table(pa.table({"n": [1], "s": ["a"]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"s": ["b"], "n": [2.5]}), tmp_path / "b.parquet")
    pq.write_table(pa.table({}), tmp_path / "c.parquet")
    both = env.read_parquet(tmp_path, block_size=None)
    assert both.collect() == [(1, "a"), (2.5, "b")]
    pq.write_table(pa.table({"n": [1]}), tmp_path / "d.parquet")
    with pytest.raises(ConfigurationError, match=r"d\.parquet has no column 's'"):
        env.read_parquet(tmp_path, block_size=None).collect()
    pq.write_table(pa.table({"n": [1], "s": ["a"], "m": [1]}), tmp_path / "d.parquet")
    with pytest.raises(ConfigurationError, match=r"d\.parquet has the columns"):
        env.read_parquet(tmp_path, block_size=None).collect()
    assert env.read_parquet(tmp_path, columns=["n"]).collect() == [(1,), (2.5,), (1,)]
    with pytest.raises(ConfigurationError, match="no column 'x'"):
        env.read_parquet(tmp_path, columns=["x"])
    (tmp_path / "d.parquet").write_text("no")
    with pytest.raises(ValueError, match=r"d\.parquet"):
        env.read_parquet(tmp_path / "d.parquet")
    with pytest.raises(ValueError, match=r"d\.parquet"):
        env.read_parquet(tmp_path, block_size=None).collect()


def test_what_other_programs_leave_beside_parquet_files(env, tmp_path):
    metadata = []
    table = pa.table({"n": [1, 2, 3]})
    pq.write_table(table, tmp_path / "a.parquet", metadata_collector=metadata)
    metadata[0].set_file_path("a.parquet")
    pq.write_metadata(table.schema, tmp_path / "_metadata", metadata)
    (tmp_path / "_SUCCESS").touch()
    assert env.read_parquet(tmp_path).collect() == [(1,), (2,), (3,)]


def test_a_damaged_parquet_file_is_named(env, tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"n": range(1000)}), path)
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"\xff" * 60 + content[64:])
    with pytest.raises(OSError, match="page header") as caught:
        env.read_parquet(path).collect()
    assert any("a.parquet" in note for note in caught.value.__notes__)


def test_texts_that_are_none_are_not_read(tmp_path):
    broken = pa.array([b"ok", b"\xff"]).view(pa.string())
    pq.write_table(pa.table({"s": broken}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"a\.parquet.*UTF"):
        rows(parquet_source(tmp_path / "a.parquet", Cutting(1), None, False, {}))


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path):
    pq.write_table(pa.table({"n": [1]}), tmp_path / "a.parquet")
    source = parquet_source(tmp_path / "a.parquet", Cutting(1), None, False, {})
    pq.write_table(pa.table({"n": [1, 2]}), tmp_path / "a.parquet")
    with pytest.raises(SourceChangedError, match=r"a\.parquet"):
        rows(source)


def test_no_more_is_read_than_the_columns_that_were_chosen(tmp_path, monkeypatch):
    table = pa.table({"n": range(1000), "s": ["x" * 1000 + str(i) for i in range(1000)]})
    pq.write_table(table, tmp_path / "a.parquet", compression="none", use_dictionary=False)
    from dtset.io import parquet_files

    read = []

    class Counted(io.FileIO):
        def read(self, size=-1):
            data = super().read(size)
            read.append(len(data))
            return data

    def opened(file):
        return Counted(file.path)

    source = parquet_source(tmp_path / "a.parquet", Cutting(1), ["n"], False, {})
    monkeypatch.setattr(parquet_files, "opened", opened)
    ctx = TSetContext(index=0, parallelism=1, id="t", name="t")
    assert sum(map(len, source.batches(ctx, 100))) == 1000
    # Of the chosen column once, and the footer.
    assert sum(read) < 3 * 8000 + 65536 < 1_000_000
