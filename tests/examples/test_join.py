from __future__ import annotations

import unicodedata
from html.entities import html5
from pathlib import Path

from tests.examples.processes import ROOT, run

JOIN = str(ROOT / "examples" / "join.py")


def joined_plainly(script: str) -> list[str]:
    rows = sorted(
        (character, f"&{name}", unicodedata.name(character))
        for name, character in html5.items()
        if name.endswith(";")
        and len(character) == 1
        and unicodedata.name(character, "").startswith(script)
        and unicodedata.category(character).startswith("L")
    )
    return [f"{character}  {entity:12} {name}" for character, entity, name in rows]


def test_it_joins_as_a_dict_does_and_finds_the_join_again(tmp_path: Path) -> None:
    store = tmp_path / "store"
    for script in ("GREEK", "CYRILLIC"):
        count, *lines = run(JOIN, "--job-id", "join", "--script", script, store=store).splitlines()
        assert count == "2030 names of single characters"
        assert lines == joined_plainly(script)
        assert lines
    (manifest,) = store.glob("join/tsets/*/*/manifest.json")
    assert "named characters" in manifest.read_text()
