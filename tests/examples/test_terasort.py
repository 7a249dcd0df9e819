from __future__ import annotations

import json
from pathlib import Path

import pytest

from examples.terasort import summed
from tests.examples.processes import ROOT, run

TERASORT = str(ROOT / "examples" / "terasort.py")


def test_it_sorts_all_records_and_finds_them_sorted(tmp_path: Path) -> None:
    command = (TERASORT, "--job-id", "sort", "--records", "30001")
    first = run(*command, store=tmp_path / "store")
    assert first.startswith("30001 records in order, checksum ")
    manifests = [
        json.loads(path.read_text()) for path in (tmp_path / "store").rglob("manifest.json")
    ]
    assert sorted(each["name"] for each in manifests) == ["checksums", "sorted"]
    assert run(*command, store=tmp_path / "store") == first


def test_it_would_see_a_record_out_of_order() -> None:
    class Ctx:
        index = 3

    with pytest.raises(AssertionError, match="b'a' comes after b'b' in partition 3"):
        list(summed(iter([(b"b", b""), (b"a", b"")]), Ctx()))
