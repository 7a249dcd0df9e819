"""Amounts and names as people read them."""

import pytest

from dtset.diagnostics.amounts import bytes_text, printable, seconds_text


@pytest.mark.parametrize(("number", "said"), [(17, "17 B"), (1_500_000, "1.43 MiB")])
def test_bytes_are_said_in_dasks_units(number, said):
    assert bytes_text(number) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.0214, "0.021 s"), (75, "1 min 15 s"), (7265, "2 h 1 min")]
)
def test_lengths_of_time_are_said(seconds, said):
    assert seconds_text(seconds) == said


def test_control_characters_are_written_out():
    assert printable("a\x1b[2J → b") == "a\\x1b[2J → b"
