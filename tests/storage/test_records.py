from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtset.storage.records import seal, unseal

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
payloads = st.dictionaries(
    st.text(max_size=5).filter(lambda key: key != "sha256"), json_values, max_size=4
)


@given(payloads)
def test_a_record_comes_back_the_same(payload: dict[str, Any]) -> None:
    sealed = seal(payload)
    assert unseal(sealed) == payload
    assert json.loads(sealed).keys() == payload.keys() | {"sha256"}


@given(payloads, st.data())
def test_a_torn_or_altered_record_counts_as_absent(payload: dict[str, Any], data: Any) -> None:
    sealed = bytearray(seal(payload))
    place = data.draw(st.integers(0, len(sealed) - 1))
    assert unseal(bytes(sealed[:place])) is None
    sealed[place] ^= data.draw(st.integers(1, 255))
    assert unseal(bytes(sealed)) is None
    assert unseal(bytes(seal(payload)) + b"\n") is None


@given(st.binary(max_size=100))
def test_garbage_counts_as_absent(data: bytes) -> None:
    assert unseal(data) is None


def test_a_field_in_the_place_of_the_checksum_is_refused() -> None:
    with pytest.raises(ValueError, match="sha256"):
        seal({"sha256": "x"})
