from __future__ import annotations

import keyword
import re
import sysconfig
from collections import Counter
from pathlib import Path

from tests.examples.processes import ROOT, run

WORDCOUNT = str(ROOT / "examples" / "wordcount.py")


def counted_plainly() -> list[str]:
    library = Path(sysconfig.get_path("stdlib"))
    identifier = re.compile(r"[^\W\d]\w*")
    counts: Counter[str] = Counter()
    for path in library.rglob("*.py"):
        if path.relative_to(library).parts[0] not in ("site-packages", "dist-packages"):
            counts.update(identifier.findall(path.read_text(encoding="utf-8", errors="replace")))
    words = [(-count, word) for word, count in counts.items() if not keyword.iskeyword(word)]
    return [f"{-count:8d} {word}" for count, word in sorted(words)[:1000]]


def stored(store: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in store.glob("words/tsets/**/*")}


def test_it_counts_the_standard_library_as_a_counter_does(tmp_path: Path) -> None:
    store, command = tmp_path / "store", (WORDCOUNT, "--job-id", "words", "--top", "1000")
    first = run(*command, store=store, DASK_DTSET__WORKERS="2")
    assert first.splitlines() == counted_plainly()
    before = stored(store)
    assert sum(path.name == "manifest.json" for path in before) == 2
    assert run(*command, store=store, DASK_DTSET__CLUSTER="synchronous") == first
    assert stored(store) == before
