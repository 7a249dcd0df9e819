"""Lines of text files, in partitions."""

from __future__ import annotations

import gzip
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtset import ConfigurationError, SourceChangedError, TSetEnvironment
from dtset.io.cuts import Cutting
from dtset.io.text import text_source
from dtset.plan.context import TSetContext


def lines(source, parallelism):
    found = []
    for index in range(parallelism):
        ctx = TSetContext(index=index, parallelism=parallelism, id="t", name="t")
        found.append(list(source.elements(ctx)))
    return found


@settings(deadline=None)
@given(
    contents=st.lists(st.text(alphabet="ab\n\r ü€", max_size=40), min_size=1, max_size=5),
    cut=st.integers(1, 7).map(lambda n: (n, "default"))
    | st.integers(1, 60).map(lambda size: (0, size)),
)
def test_lines_are_those_of_open_however_files_are_cut(tmp_path_factory, contents, cut):
    folder = tmp_path_factory.mktemp("text")
    expected = []
    for number, content in enumerate(contents):
        path = folder / f"{number}.txt"
        path.write_bytes(content.encode())
        with path.open(encoding="utf-8") as file:
            expected += list(file)
    source = text_source(str(folder / "*.txt"), Cutting(*cut), "utf-8", "strict", {})
    found = lines(source, len(source.parts))
    assert [line for partition in found for line in partition] == expected


def test_large_files_are_cut_into_partitions_of_about_the_same_size(tmp_path):
    path = tmp_path / "large.txt"
    path.write_text("".join(f"line {i}\n" for i in range(400_000)))
    source = text_source(str(path), Cutting(4), "utf-8", "strict", {})
    counts = [len(each) for each in lines(source, 4)]
    assert sum(counts) == 400_000
    assert min(counts) > 90_000


def test_compressed_files_and_encodings(tmp_path):
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"one\ntwo\n"))
    source = text_source(str(tmp_path / "*.gz"), Cutting(2), "utf-8", "strict", {})
    assert lines(source, 2) == [["one\n", "two\n"], []]
    (tmp_path / "b.txt").write_text("ü\nö\n", encoding="utf-16")
    source = text_source(tmp_path / "b.txt", Cutting(1), "utf-16", "strict", {})
    assert lines(source, 1) == [["ü\n", "ö\n"]]


def test_undecodable_text_names_the_file(tmp_path):
    (tmp_path / "latin.txt").write_bytes(b"\xfc\n")
    source = text_source(tmp_path / "latin.txt", Cutting(1), "utf-8", "strict", {})
    with pytest.raises(UnicodeDecodeError) as caught:
        lines(source, 1)
    assert "latin.txt" in caught.value.__notes__[0]
    replaced = text_source(tmp_path / "latin.txt", Cutting(1), "utf-8", "replace", {})
    assert lines(replaced, 1) == [["�\n"]]


def test_a_changed_file_is_read_again_and_an_unchanged_one_is_not(tmp_path, store):
    path = tmp_path / "data.txt"
    path.write_text("1\n2\n")

    def total():
        with TSetEnvironment(store=store, cluster="synchronous", job_id="text") as env:
            persisted = env.read_text(path, 2).map(int).persist()
            return persisted.hit, sum(persisted.collect())

    assert total() == (False, 3)
    assert total() == (True, 3)
    path.write_text("1\n5\n")
    # One of the two reads nothing.
    assert total() == (1, 6)
    os.utime(path, (1, 1))
    assert total() == (2, 6)


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path):
    path = tmp_path / "data.txt"
    path.write_text("1\n2\n")
    source = text_source(path, Cutting(1), "utf-8", "strict", {})
    path.write_text("1\n2\n3\n")
    with pytest.raises(SourceChangedError, match=r"data\.txt"):
        lines(source, 1)


def test_the_folder_does_not_count_but_names_within_it_do(tmp_path, store):
    from dtset.fingerprint import fingerprint

    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.txt").write_text("x\n")
    os.utime(tmp_path / "one" / "a.txt", (1, 1))
    first = text_source(tmp_path / "one" / "a.txt", Cutting(1), "utf-8", "strict", {}).identity()
    (tmp_path / "one").rename(tmp_path / "two")
    second = text_source(tmp_path / "two" / "a.txt", Cutting(1), "utf-8", "strict", {}).identity()
    assert fingerprint(dict(first)) == fingerprint(dict(second))


def test_files_that_are_no_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        text_source(tmp_path, Cutting(1), "utf-8", "strict", {})
    with pytest.raises(ConfigurationError):
        text_source([], Cutting(1), "utf-8", "strict", {})
    with pytest.raises(ConfigurationError, match="nosuch"):
        text_source("nosuch://x/y", Cutting(1), "utf-8", "strict", {})
