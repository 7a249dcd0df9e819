"""Sum up a folder of daily logs, to which a file is added every day: only what is new is computed.

    python examples/daily.py logs --make 30
    python examples/daily.py logs --job-id daily
    python examples/daily.py logs --make 31
    python examples/daily.py logs --job-id daily

The second run of the job reads one file. Correct a day, or remove one, and run it again. A line is ``time user page``, the
time in seconds of the day; a session ends where somebody asks for nothing for half an hour.
"""

import argparse
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from operator import add
from pathlib import Path
from typing import NamedTuple

from dtset import TSetContext, TSetEnvironment

GAP = 30 * 60


class Visit(NamedTuple):
    second: int
    user: str
    page: str


class Session(NamedTuple):
    user: str
    begin: int
    seconds: int
    pages: int


def parsed(line: str) -> Visit:
    second, user, page = line.split()
    return Visit(int(second), user, page)


def sessions_of(visits: Iterable[Visit], ctx: TSetContext) -> Iterator[Session]:
    """Sessions of a day, which is a file and so a partition."""
    seconds = defaultdict(list)
    for visit in visits:
        seconds[visit.user].append(visit.second)
    for user, moments in sorted(seconds.items()):
        moments.sort()
        begin = last = moments[0]
        pages = 0
        for moment in moments:
            if moment - last > GAP:
                yield Session(user, begin, last - begin, pages)
                begin, pages = moment, 0
            last, pages = moment, pages + 1
        yield Session(user, begin, last - begin, pages)


def make_logs(folder: Path, days: int) -> None:
    """Write the logs of some days, unless they are there: those of a day are the same whenever they are written."""
    folder.mkdir(parents=True, exist_ok=True)
    for day in range(days):
        path = folder / f"{day:04}.log"
        if not path.exists():
            chance = random.Random(day)
            moments = sorted(chance.randrange(86_400) for _ in range(2000))
            path.write_text("".join(
                f"{moment} user{chance.randrange(40):02} /page{chance.randrange(9)}\n" for moment in moments
            ))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--make", type=int, metavar="DAYS", help="write logs of so many days, and nothing else"
    )
    parser.add_argument("--job-id", help="the job to resume, or to create")
    options = parser.parse_args()
    if options.make is not None:
        make_logs(options.folder, options.make)
        return

    with TSetEnvironment("daily", job_id=options.job_id) as env:
        visits = env.read_text(f"{options.folder}/*.log", block_size=None).map(parsed)
        sessions = visits.compute(sessions_of).persist("sessions")
        per_user = sessions.map_to_tuple(lambda session: (session.user, session.seconds))
        totals = per_user.keyed_reduce(add).persist("totals")
        known = sessions.partitions if sessions.hit is True else int(sessions.hit)
        print(
            f"{sessions.partitions} days, {sessions.partitions - known} of them computed: {sessions.count()} sessions"
        )
        for user, seconds in totals.take_ordered(5, key=lambda pair: (-pair[1], pair[0])):
            print(f"{seconds / 3600:8.1f} h  {user}")


if __name__ == "__main__":
    main()
