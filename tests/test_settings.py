"""Settings as they are without a word of the user's."""

import pytest

from dtset.settings import ignored_globals, seconds, setting, size, whole_number


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (setting("codec"), "blosc-lz4"),
        (seconds("heartbeat.interval"), 10.0),
        (size("exchange.memory"), 2**26),
        (whole_number("batch-size", least=1), 8192),
        (ignored_globals(), ()),
    ],
)
def test_defaults(found, expected):
    assert found == expected
