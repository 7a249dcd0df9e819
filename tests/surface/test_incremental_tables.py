"""One file more, and only that is computed: of files, CSV and Parquet."""

from __future__ import annotations

import ast
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import s3fs

from dtset import TSetEnvironment


@pytest.fixture
def ran(tmp_path):
    """Note elements, and give those that were noted since the last time."""
    path = tmp_path / "ran"
    path.touch()

    def noted(x):
        with path.open("a") as file:
            file.write(f"{tuple(x)!r}\n")
        return x

    def taken():
        found = [ast.literal_eval(line) for line in path.read_text().splitlines()]
        path.write_text("")
        return found

    noted.taken = taken
    return noted


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "in"
    made.mkdir()
    return made


def run(store, read, noted, **arguments):
    """Persist what is read, twice; return elements, what was computed, and hits."""
    found = []
    for _ in range(2):
        with TSetEnvironment(store=store, job_id="job", cluster="synchronous", **arguments) as env:
            persisted = read(env).map(noted).persist("rows")
            found.append((persisted.collect(), persisted.hit))
    assert found[0][0] == found[1][0]
    assert found[1][1] is True
    return found[0][0], noted.taken(), found[0][1]


def csv_of(path, *numbers, header="n,s"):
    path.write_text(f"{header}\n" + "".join(f'{n},"{n}\n"\n' for n in numbers))


def rows(*numbers):
    return [(n, f"{n}\n") for n in numbers]


def test_csv_files_are_known_by_what_they_hold(store, folder, ran):
    def read(env):
        return env.read_csv(f"{folder}/*.csv", block_size=None)

    csv_of(folder / "a.csv", 1)
    csv_of(folder / "b.csv", 2)
    assert run(store, read, ran) == (rows(1, 2), rows(1, 2), False)
    csv_of(folder / "c.csv", 3)
    assert run(store, read, ran) == (rows(1, 2, 3), rows(3), 2)
    csv_of(folder / "b.csv", 4)
    assert run(store, read, ran) == (rows(1, 4, 3), rows(4), 2)
    os.utime(folder / "a.csv", (1, 1))
    (folder / "b.csv").rename(folder / "d.csv")
    assert run(store, read, ran) == (rows(1, 3, 4), [], 3)
    (folder / "a.csv").unlink()
    assert run(store, read, ran) == (rows(3, 4), [], 2)


def test_what_decides_how_csv_is_read_counts(store, folder, ran):
    csv_of(folder / "a.csv", 1)
    csv_of(folder / "b.csv", 2)

    def computed(**options):
        def read(env):
            return env.read_csv(folder, block_size=None, **options)

        return run(store, read, ran)[1]

    assert computed() == rows(1, 2)
    assert computed(types={"n": int}) == []
    assert computed(types={"n": str}) == [("1", "1\n"), ("2", "2\n")]
    assert computed(columns=["s"]) == [("1\n",), ("2\n",)]
    assert computed(skip_rows=1, column_names=["a", "b"]) == rows(1, 2)
    # Another type in the first file is one of all.
    csv_of(folder / "a.csv", 1.5)
    assert computed() == [(1.5, "1.5\n"), (2.0, "2\n")]


def test_a_header_is_known_to_each_part_of_a_file(store, folder, ran):
    def read(env):
        return env.read_csv(folder, block_size=80, line_breaks=False)

    path = folder / "a.csv"
    path.write_text("n\n" + "".join(f"{n:07}\n" for n in range(100)))
    every = [(n,) for n in range(100)]
    assert run(store, read, ran) == (every, every, False)
    with path.open("a") as file:
        file.writelines(f"{n:07}\n" for n in range(100, 113))
    found, computed, _ = run(store, read, ran)
    assert found == [(n,) for n in range(113)]
    assert computed == [(n,) for n in range(100, 113)]
    text = path.read_text()
    path.write_text(text.replace("0000050", "0000005"))
    found, computed, _ = run(store, read, ran)
    assert sum(n for (n,) in found) == sum(range(113)) - 45
    assert len(computed) == 10
    # The header is read by all of them.
    path.write_text(text.replace("n", "m"))
    assert len(run(store, read, ran)[1]) == 113


def test_row_groups_are_known_by_what_they_hold(store, folder, ran):
    path = folder / "a.parquet"

    def write(*numbers, group=10):
        pq.write_table(
            pa.table({"n": numbers, "s": [f"{n:05}" for n in numbers]}),
            path,
            row_group_size=group,
            compression="none",
            use_dictionary=False,
        )

    def computed(block_size=400, **options):
        def read(env):
            return env.read_parquet(folder, block_size=block_size, **options)

        found, computed, _ = run(store, read, ran)
        assert found == pq.read_table(path).select(options.get("columns", ["n", "s"])).to_pylist()
        return len(computed)

    def as_dicts(block_size=400, **options):
        return computed(block_size, as_dicts=True, **options)

    write(*range(100))
    ran_first = as_dicts()
    assert ran_first == 100
    # Appended to: the last row groups alone.
    write(*range(120))
    assert 20 <= as_dicts() <= 40
    write(*range(60), 1000, *range(61, 120))
    assert 10 <= as_dicts() <= 20
    assert as_dicts(columns=["n"]) == 120
    # Of a column that was not chosen, nothing counts.
    table = pq.read_table(path).set_column(1, "s", pa.array(["other"] * 120))
    pq.write_table(table, path, row_group_size=10, compression="none", use_dictionary=False)
    assert as_dicts(columns=["n"]) == 0
    assert as_dicts() == 120


def test_files_are_known_by_name_and_bytes(store, folder, ran):
    def read(env):
        return env.read_files(f"{folder}/**", block_size=None)

    (folder / "a").write_bytes(b"1")
    (folder / "b").write_bytes(b"2")
    assert run(store, read, ran)[1] == [("a", b"1"), ("b", b"2")]
    (folder / "c").write_bytes(b"3")
    os.utime(folder / "a", (1, 1))
    assert run(store, read, ran)[1] == [("c", b"3")]
    (folder / "b").rename(folder / "d")
    assert run(store, read, ran)[1] == [("d", b"2")]


def test_one_file_that_several_sources_read_in_their_own_ways(store, folder, ran):
    path = folder / "a.parquet"

    def read(env):
        sources = [
            env.read_parquet(path, columns=columns, block_size=block_size)
            for columns in (["n"], ["s"])
            for block_size in (None, 150)
        ]
        whole = env.read_files(path).map(lambda pair: (pair[0], len(pair[1])))
        return sources[0].concat(*sources[1:], whole)

    for numbers in ([1, 2], [3, 4, 5]):
        pq.write_table(pa.table({"n": numbers, "s": [str(n) for n in numbers]}), path)
        found = run(store, read, ran)[0]
        assert found == [
            *[(n,) for n in numbers] * 2,
            *[(str(n),) for n in numbers] * 2,
            (path.name, path.stat().st_size),
        ]


def test_tables_on_s3(s3_url, s3_options, store, ran):
    files = s3fs.S3FileSystem(**s3_options)
    url = f"{s3_url}/tables"

    def write(number):
        files.pipe_file(f"{url}/{number}.csv", f"n\n{number}\n".encode())
        with files.open(f"{url}/{number}.parquet", "wb") as file:
            pq.write_table(pa.table({"n": [number], "m": [0]}), file)

    def read(env):
        how = {"block_size": None, "columns": ["n"], "storage_options": s3_options}
        text = env.read_csv(f"{url}/*.csv", **how)
        return text.concat(env.read_parquet(f"{url}/*.parquet", **how))

    write(1)
    write(2)
    assert run(store, read, ran)[0] == [(1,), (2,), (1,), (2,)]
    ran.taken()
    write(3)
    assert run(store, read, ran)[1] == [(3,), (3,)]


def test_tables_on_processes(store, folder, local_cluster):
    for number in range(4):
        csv_of(folder / f"{number}.csv", number)
        pq.write_table(
            pa.table({"n": [number], "s": [f"{number}\n"]}), folder / f"{number}.parquet"
        )
    for hit in (False, True):
        with TSetEnvironment(
            store=store, job_id="job", cluster=local_cluster.scheduler_address
        ) as env:
            text = env.read_csv(f"{folder}/*.csv", block_size=None)
            persisted = text.concat(env.read_parquet(f"{folder}/*.parquet")).persist("both")
            assert (persisted.collect(), persisted.hit) == (rows(*range(4)) * 2, hit)
            assert type(persisted.collect()[0]).__name__ == "Row"
