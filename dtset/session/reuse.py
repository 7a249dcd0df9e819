"""Other jobs whose partitions may be taken over, as users name them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dtset.checkpoint.job import read_job
from dtset.checkpoint.layout import check_job_id
from dtset.errors import ConfigurationError
from dtset.storage.objects import ObjectStore
from dtset.storage.opening import open_store


@dataclass(frozen=True)
class Reused:
    """A job: of the store that is written to, or of one with a URL of its own."""

    job_id: str
    url: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def opened(self, store: ObjectStore) -> tuple[ObjectStore, str]:
        """Open the store that the job is in; it has to be there."""
        found = store if self.url is None else open_store(self.url, self.options, create=False)
        return found, read_job(found, self.job_id).job_id


def reused(given: object) -> tuple[Reused, ...]:
    """Read what ``reuse=`` says: IDs of jobs, URLs of jobs, or mappings of ``url`` and ``storage_options``.

    Examples
    --------
    >>> reused(["nightly", {"url": "s3://team/store/nightly", "storage_options": {"anon": True}}])
    (Reused(job_id='nightly', url=None), Reused(job_id='nightly', url='s3://team/store'))
    """
    entries = [given] if isinstance(given, str | Mapping) else given
    if entries is None:
        return ()
    if not isinstance(entries, list | tuple):
        raise ConfigurationError(f"reuse={given!r}: {_WANTED}")
    return tuple(map(_entry, entries))


_WANTED = "give a list of IDs of jobs of this store, of URLs of jobs in others, or of mappings of a url and its storage_options"


def _entry(given: object) -> Reused:
    options: object = {}
    url = given
    if isinstance(given, Mapping) and given.keys() <= {"url", "storage_options"}:
        url, options = given.get("url"), given.get("storage_options", {})
    if not isinstance(url, str) or not isinstance(options, Mapping):
        # Not shown: there may be secrets in it.
        raise ConfigurationError(
            f"reuse= has an entry that is a {type(given).__qualname__}: {_WANTED}"
        )
    store, slash, job_id = url.rstrip("/").rpartition("/")
    return Reused(check_job_id(job_id), store if slash else None, options)
