from __future__ import annotations

import keyword
import re
import shutil
import sysconfig
from collections import Counter
from pathlib import Path

import pytest

from tests.examples.processes import ROOT, run

LIBRARY = Path(sysconfig.get_path("stdlib"))
WORDCOUNT = str(ROOT / "examples" / "wordcount.py")


def counted_plainly(library: Path) -> list[str]:
    identifier = re.compile(r"[^\W\d]\w*")
    counts: Counter[str] = Counter()
    for path in library.rglob("*.py"):
        if path.relative_to(library).parts[0] not in ("site-packages", "dist-packages"):
            counts.update(identifier.findall(path.read_text(encoding="utf-8", errors="replace")))
    words = [(-count, word) for word, count in counts.items() if not keyword.iskeyword(word)]
    return [f"{-count:8d} {word}" for count, word in sorted(words)[:1000]]


def stored(store: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in store.glob("words/tsets/**/*")}


def test_it_counts_a_library_as_a_counter_does(tmp_path: Path) -> None:
    library = tmp_path / "library"
    for name in ("json", "email", "encodings"):
        shutil.copytree(LIBRARY / name, library / name)
    for name in ("os.py", "re/__init__.py"):
        shutil.copy(LIBRARY / name, library)
    source = Path(WORDCOUNT).read_text(encoding="utf-8")
    standard = 'sysconfig.get_path("stdlib")'
    assert standard in source
    smaller = tmp_path / "wordcount.py"
    smaller.write_text(source.replace(standard, repr(str(library))), encoding="utf-8")
    check(tmp_path / "store", library, str(smaller))


@pytest.mark.nightly
def test_it_counts_the_standard_library_as_a_counter_does(tmp_path: Path) -> None:
    check(tmp_path / "store", LIBRARY, WORDCOUNT)


def check(store: Path, library: Path, *program: str) -> None:
    command = (*program, "--job-id", "words", "--top", "1000")
    first = run(*command, store=store, DASK_DTSET__WORKERS="2")
    assert first.splitlines() == counted_plainly(library)
    before = stored(store)
    assert sum(path.name == "manifest.json" for path in before) == 2
    assert run(*command, store=store, DASK_DTSET__CLUSTER="synchronous") == first
    assert stored(store) == before
