"""Names with wildcards, and names that are paths of this machine."""

import pytest

from dtset.io.local_files import local_name
from dtset.io.patterns import is_matched, pattern_of


def test_what_exists_by_a_name_has_no_wildcards():
    assert pattern_of("/run[1]/*.txt", {"/run[1]"}.__contains__) == ["", "run[[]1]", "*.txt"]


@pytest.mark.parametrize(
    ("parts", "pattern", "found"),
    [
        (["a", "b.txt"], ["**", "*.txt"], True),
        (["a", ".b.txt"], ["**", "*.txt"], False),
        ([".a", ".b.txt"], [".a", ".b*"], True),
    ],
)
def test_hidden_names_are_matched_where_the_dot_is_written(parts, pattern, found):
    assert is_matched(parts, pattern) is found


@pytest.mark.parametrize(
    ("name", "path"), [("/data/a::b.txt", "/data/a::b.txt"), ("zip::b.zip", None)]
)
def test_a_name_is_a_path_unless_it_begins_with_a_protocol(name, path):
    assert local_name(name, frozenset({"zip"})) == path
