"""Count the identifiers in all sources of Python's own standard library, and print the commonest.

    dtset submit examples/wordcount.py
    python examples/wordcount.py --job-id wordcount

Twice with the same job ID: the second run computes nothing. Kill it in the middle, and the next run
goes on where it stopped.
"""

import argparse
import keyword
import re
import sysconfig
from collections.abc import Iterator
from operator import add
from pathlib import Path

from dtset import TSetEnvironment

IDENTIFIER = re.compile(r"[^\W\d]\w*")
NOT_OURS = {"site-packages", "dist-packages"}


def source_globs() -> Iterator[str]:
    library = Path(sysconfig.get_path("stdlib"))
    yield f"{library}/*.py"
    for folder in sorted(library.iterdir()):
        if folder.is_dir() and folder.name not in NOT_OURS and any(folder.rglob("*.py")):
            yield f"{folder}/**/*.py"


def identifiers(line: str) -> list[str]:
    return IDENTIFIER.findall(line)


def is_no_keyword(word: str) -> bool:
    return not keyword.iskeyword(word)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--job-id", help="the job to resume, or to create")
    parser.add_argument("--partitions", type=int, default=16)
    parser.add_argument("--top", type=int, default=20)
    options = parser.parse_args()

    with TSetEnvironment("wordcount", job_id=options.job_id) as env:
        words = (
            # Some of the library's own test files are, on purpose, not UTF-8.
            env.read_text(list(source_globs()), options.partitions, errors="replace")
            .flat_map(identifiers)
            .filter(is_no_keyword)
            .map_to_tuple(lambda word: (word, 1))
            .persist("words")
        )
        counts = words.keyed_reduce(add).persist("counts")
        commonest = sorted(counts.collect(), key=lambda pair: (-pair[1], pair[0]))
        for word, count in commonest[: options.top]:
            print(f"{count:8d} {word}")


if __name__ == "__main__":
    main()
