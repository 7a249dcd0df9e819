"""Files whole, and CSV, in partitions."""

from __future__ import annotations

import csv
import gzip
import sys
from datetime import date, datetime

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtset import ConfigurationError, TSetEnvironment
from dtset.io.csv_files import Dialect, csv_source
from dtset.io.cuts import Cutting
from dtset.io.parquet_files import parquet_source
from dtset.storage.columns import Columns
from tests.io.tables import CUTS, batches, rows


@pytest.fixture
def env(store):
    with TSetEnvironment(store=store, cluster="synchronous", job_id="job", parallelism=2) as env:
        yield env


def dialect(**changes):
    usual = {
        "delimiter": ",",
        "quote": '"',
        "encoding": "utf-8",
        "compression": "infer",
        "skip_rows": 0,
        "column_names": None,
        "null_values": None,
        "line_breaks": True,
    }
    return Dialect(**{**usual, **changes})


def csv_rows(path, cut=(1, "default"), columns=None, types=None, as_dicts=True, **changes):
    source = csv_source(path, Cutting(*cut), dialect(**changes), columns, types or {}, as_dicts, {})
    return rows(source)


VALUES = st.tuples(
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.floats(allow_nan=False),
    st.booleans(),
    st.text(alphabet='ab",;\n\r ü€\0', max_size=12),
)
KINDS = {"n": int, "x": float, "b": bool, "s": str}


@settings(deadline=None)
@given(
    tables=st.lists(st.lists(VALUES, max_size=12), min_size=1, max_size=4),
    cut=CUTS,
    breaks=st.booleans(),
    has_header=st.booleans(),
    skipped=st.integers(0, 2),
    ending=st.sampled_from(["\n", "\r\n"]),
    columns=st.none() | st.lists(st.sampled_from([*KINDS]), min_size=1, max_size=4, unique=True),
)
def test_csv_is_read_as_by_arrow_however_it_is_cut(
    tmp_path_factory, tables, cut, breaks, has_header, skipped, ending, columns
):
    folder = tmp_path_factory.mktemp("csv")
    expected = []
    changes = {"skip_rows": skipped, "line_breaks": breaks}
    if not has_header:
        changes["column_names"] = [*KINDS]
    for number, table in enumerate(tables):
        if not breaks:
            table = [(*row[:3], row[3].replace("\n", "").replace("\r", "")) for row in table]
        with (folder / f"{number}.csv").open("w", newline="", encoding="utf-8") as file:
            file.write(f"# said before{ending}" * skipped)
            # Else, that of Python 3.11 does not quote a carriage return.
            quoting = csv.QUOTE_ALL if breaks else csv.QUOTE_MINIMAL
            writer = csv.writer(file, lineterminator=ending, quoting=quoting)
            writer.writerows([[*KINDS]] * has_header)
            writer.writerows(table)
        if not table and not has_header:
            continue
        read = pa.csv.read_csv(
            folder / f"{number}.csv",
            pa.csv.ReadOptions(skip_rows=skipped, column_names=changes.get("column_names")),
            pa.csv.ParseOptions(newlines_in_values=breaks),
            pa.csv.ConvertOptions(
                column_types={"n": pa.int64(), "x": pa.float64(), "b": pa.bool_(), "s": pa.string()}
            ),
        )
        assert [tuple(row.values()) for row in read.to_pylist()] == table
        expected += read.select(columns or [*KINDS]).to_pylist()
    found = csv_rows(str(folder / "*.csv"), cut, columns, KINDS, **changes)
    assert repr(found) == repr(expected)


def test_columns_stay_typed(tmp_path):
    table = pa.table({"n": [1, None], "x": [0.5, 1.5], "b": [True, False], "s": ["a", None]})
    pq.write_table(table, tmp_path / "a.parquet")
    pa.csv.write_csv(table, tmp_path / "a.csv")
    parquet = parquet_source(tmp_path / "a.parquet", Cutting(1), None, False, {})
    text = csv_source(
        tmp_path / "a.csv", Cutting(1), dialect(null_values=("",)), None, {}, False, {}
    )
    for source in (parquet, text):
        (batch,) = batches(source)
        assert isinstance(batch, Columns)
        assert batch.schema.to_json() == {
            "kind": "row",
            "names": ("n", "x", "b", "s"),
            "fields": [
                {"kind": "int64", "optional": True},
                {"kind": "float64"},
                {"kind": "bool"},
                {"kind": "text", "optional": True},
            ],
        }
        assert [tuple(row) for row in batch.rows()] == [
            (1, 0.5, True, "a"),
            (None, 1.5, False, None),
        ]
        assert batch.rows()[0].s == "a"


def test_what_was_written_is_read(env, tmp_path):
    made = env.range(100, parallelism=3).map(
        lambda n: {"n": n, "x": n / 2, "s": f"a\n{n}", "t": datetime(2020, 1, 1, n % 24)}
    )
    made.write_parquet(tmp_path / "parquet")
    made.write_csv(tmp_path / "csv")
    expected = made.collect()
    assert env.read_parquet(tmp_path / "parquet", as_dicts=True).collect() == expected
    assert env.read_csv(tmp_path / "csv", 4, as_dicts=True).collect() == expected
    found = env.read_parquet(tmp_path / "parquet", columns=["x", "n"]).collect()
    assert found == [(n / 2, n) for n in range(100)]
    assert {row._fields for row in found} == {("x", "n")}
    # Partitions without elements, and nothing at all.
    for number, tset in enumerate(
        [made.filter(lambda row: row["n"] > 70), made.filter(lambda _: False)]
    ):
        tset.write_parquet(tmp_path / f"parquet-{number}")
        tset.write_csv(tmp_path / f"csv-{number}")
        wanted = tset.collect()
        assert env.read_parquet(tmp_path / f"parquet-{number}", as_dicts=True).collect() == wanted
        assert env.read_csv(tmp_path / f"csv-{number}", as_dicts=True).collect() == wanted


def test_files_are_read_whole(env, tmp_path):
    (tmp_path / "in" / "b").mkdir(parents=True)
    (tmp_path / "in" / "a.gz").write_bytes(gzip.compress(b"x"))
    (tmp_path / "in" / "b" / "c").write_bytes(b"\0" * 1000)
    (tmp_path / "in" / "b" / "empty").write_bytes(b"")
    expected = {
        str(path.relative_to(tmp_path / "in")): path.read_bytes()
        for path in (tmp_path / "in").rglob("*")
        if path.is_file()
    }
    for how in ({}, {"parallelism": 5}, {"block_size": 10}, {"block_size": None}):
        assert dict(env.read_files(f"{tmp_path}/in/**", **how).collect()) == expected
    assert env.read_files(tmp_path / "in" / "b" / "c").collect() == [("c", b"\0" * 1000)]


def test_compressed_csv_and_encodings_and_dialects(tmp_path):
    content = "name;n\n'ü;1';1\n"
    expected = [{"name": "ü;1", "n": 1}]
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(content.encode()))
    (tmp_path / "b.csv").write_text(content, encoding="utf-16")
    (tmp_path / "c.csv").write_text(content, encoding="utf-8-sig")
    for name, encoding in [("a.csv.gz", "utf-8"), ("b.csv", "utf-16"), ("c.csv", "utf-8")]:
        for line_breaks in (True, False):
            found = csv_rows(
                tmp_path / name,
                (3, "default"),
                encoding=encoding,
                delimiter=";",
                quote="'",
                line_breaks=line_breaks,
            )
            assert found == expected
    (tmp_path / "d.csv").write_text('a\n"b"\n')
    assert csv_rows(tmp_path / "d.csv", quote=None) == [{"a": '"b"'}]


def test_types_are_those_of_the_first_file_with_rows_or_as_was_said(tmp_path):
    (tmp_path / "a.csv").write_text("")
    (tmp_path / "b.csv").write_text("n,t,d")
    (tmp_path / "c.csv").write_text("n,t,d\n")
    (tmp_path / "d.csv").write_text("n,t,d\n1,2020-01-01 00:00:00.5,2020-01-01\n")
    (tmp_path / "e.csv").write_text("d,n,t\n2020-01-02,2,\n")
    found = csv_rows(str(tmp_path / "*.csv"), (0, None))
    assert found == [
        {"n": 1, "t": datetime(2020, 1, 1, 0, 0, 0, 500_000), "d": date(2020, 1, 1)},
        {"n": 2, "t": None, "d": date(2020, 1, 2)},
    ]
    assert {type(row["t"]) for row in found} == {datetime, type(None)}
    for kind, expected in [(float, 1.0), ("int32", 1), (pa.string(), "1")]:
        found = csv_rows(str(tmp_path / "*.csv"), columns=["n"], types={"n": kind})
        assert repr(found[0]["n"]) == repr(expected)
    (tmp_path / "f.csv").write_text("n,t,d\n1.5,,\n")
    with pytest.raises(ValueError, match=r"f\.csv.*column 'n'.*Row #2.*'1\.5'.*types="):
        csv_rows(str(tmp_path / "*.csv"))
    nothing = csv_rows(str(tmp_path / "[abc].csv"), columns=["n"])
    assert nothing == []


def test_types_are_told_by_the_beginning_of_a_large_file_with_large_rows(tmp_path):
    path = tmp_path / "a.csv"
    with path.open("w") as file:
        file.write("s,n\n")
        for number in range(4):
            file.write(f'"{"x" * (3 << 20)}\n",{number}\n')
    assert [len(row["s"]) + row["n"] for row in csv_rows(path)] == [
        (3 << 20) + 1 + number for number in range(4)
    ]


@pytest.mark.parametrize(
    ("content", "changes", "said"),
    [
        ("n,s\n1,2\n3\n", {}, r"Row #3: Expected 2 columns, got 1"),
        ("n\n1\n", {}, r"no column 's'"),
        ("s,m,n\n1,2,3\n", {}, r"has the columns \['s', 'm', 'n'\]"),
        ("n,n,s\n1,2,3\n", {}, r"several columns 'n'"),
        ("n,s\n1,a\n2,\udcff\n", {}, r"column 's'.*invalid UTF8.*encoding="),
        ("n,s\n1,a\nx,b\n", {}, r"column 'n'.*'x'"),
        ("n,s\rn,s\n" + "1,a\n" * 99, {"line_breaks": False}, r"carriage return"),
    ],
)
def test_what_does_not_fit_is_said_with_its_place(tmp_path, content, changes, said):
    (tmp_path / "a.csv").write_text("n,s\n1,a\n" + "2,b\n" * 30)
    (tmp_path / "b.csv").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises((ValueError, ConfigurationError), match=rf"b\.csv.*{said}"):
        csv_rows(str(tmp_path / "*.csv"), (0, 100), **changes)


def test_a_place_in_a_part_that_does_not_begin_the_file(tmp_path):
    (tmp_path / "a.csv").write_text("n\n" + "1\n" * 100 + "x\n")
    with pytest.raises(ValueError, match=r"a\.csv, from byte 200 on: column 'n': .*Row #"):
        csv_rows(tmp_path / "a.csv", (0, 100), types={"n": int}, line_breaks=False)


@pytest.mark.parametrize(
    "changes",
    [
        {"delimiter": ",,"},
        {"delimiter": None},
        {"quote": ""},
        {"skip_rows": -1},
        {"skip_rows": "2"},
        {"encoding": "nope"},
        {"compression": "nope"},
        {"columns": "n"},
        {"columns": []},
        {"columns": ["n", "n"]},
        {"columns": ["absent"]},
        {"types": {"absent": int}},
        {"types": {"n": "nope"}},
        {"types": {"n": object()}},
    ],
)
def test_arguments_that_mean_nothing(env, tmp_path, changes):
    (tmp_path / "a.csv").write_text("n,s\n1,a\n")
    with pytest.raises(ConfigurationError):
        env.read_csv(tmp_path / "a.csv", **changes)


def test_reading_may_end_early(env, tmp_path):
    with (tmp_path / "a.csv").open("w") as file:
        file.write("n,s\n")
        file.writelines(f"{n},{'x' * 90}\n" for n in range(400_000))
    assert [row.n for row in env.read_csv(tmp_path / "a.csv").take(3)] == [0, 1, 2]
    assert env.read_csv(tmp_path / "a.csv", columns=["n"], line_breaks=False).count() == 400_000


def test_without_pyarrow_it_is_said_what_to_install(env, tmp_path, monkeypatch):
    (tmp_path / "a").write_text("x\n")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    for read in (env.read_csv, env.read_parquet):
        with pytest.raises(ConfigurationError, match=r"pip install 'dtset\[parquet\]'"):
            read(tmp_path / "a")
