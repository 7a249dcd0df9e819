"""Join HTML's table of named characters with Unicode's table of characters, and print which letters of a script have names.

    dtset submit examples/join.py
    python examples/join.py --job-id join --script GREEK

Both tables are Python's own: 2,231 names, and all code points there are. Run it twice with one job ID and
another script: the join is found.
"""

import argparse
import sys
import unicodedata
from collections.abc import Iterator
from html.entities import html5

from dtset import TSetEnvironment


def described(number: int) -> Iterator[tuple[str, tuple[str, str]]]:
    character = chr(number)
    name = unicodedata.name(character, "")
    if name:
        yield character, (name, unicodedata.category(character))


def names_of(entity: tuple[str, str]) -> Iterator[tuple[str, str]]:
    name, characters = entity
    # Some stand for two characters, and old ones are there without their semicolon too.
    if len(characters) == 1 and name.endswith(";"):
        yield characters, f"&{name}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--job-id", help="the job to resume, or to create")
    parser.add_argument(
        "--script", default="GREEK", help="how Unicode's names of the letters begin"
    )
    options = parser.parse_args()

    with TSetEnvironment("join", job_id=options.job_id) as env:
        characters = env.range(sys.maxunicode + 1, parallelism=8).flat_map(described)
        entities = env.parallelize(list(html5.items()), 2).flat_map(names_of)
        named = (
            entities.map_to_tuple(tuple)
            .join(characters.map_to_tuple(tuple))
            .map(lambda row: (row.key, row.left, *row.right))
            .persist("named characters")
        )
        print(f"{named.count()} names of single characters")
        script = options.script
        letters = named.filter(lambda row: row[2].startswith(script) and row[3].startswith("L"))
        for character, entity, name, _ in sorted(letters.collect()):
            print(f"{character}  {entity:12} {name}")


if __name__ == "__main__":
    main()
