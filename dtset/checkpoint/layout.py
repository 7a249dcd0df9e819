"""Where things lie in a store: the paths below its URL."""

from __future__ import annotations

import re

from dtset.errors import ConfigurationError

FIRST_GENERATION = "0"
ORDER, DAMAGED = "order", "damaged"
_JOB_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+=-]{0,199}\Z")
_VERSION = re.compile(r"[0-9a-f]{64}/[0-9a-f]{64}")


def check_job_id(job_id: str) -> str:
    """Return the job ID if it can name a folder in every store."""
    if not isinstance(job_id, str) or not _JOB_ID.match(job_id) or ".." in job_id:
        raise ConfigurationError(
            f"the job ID {job_id!r} cannot name a folder: use up to 200 letters, digits and _ . + = -, "
            "beginning with a letter, a digit or _, without '..'"
        )
    return job_id


def is_version(text: object) -> bool:
    """Whether a record's word can be a version, and so name a folder of a persisted TSet."""
    return isinstance(text, str) and _VERSION.fullmatch(text) is not None


def version_of(chain: str, fingerprint: str) -> str:
    """Version of a persisted TSet: those of one chain lie in one folder."""
    return f"{chain}/{fingerprint}"


def fingerprint_of(version: str) -> str:
    """Fingerprint of a version."""
    return version.rpartition("/")[2]


def job_path(job_id: str) -> str:
    """Record of a job."""
    return f"{job_id}/job.json"


def run_path(job_id: str, run_id: str, name: str = "run.json") -> str:
    """Record of a run, or another object of it."""
    return f"{job_id}/runs/{run_id}/{name}"


def variables_path(job_id: str, number: int, run_id: str) -> str:
    """Record of a commit of driver state."""
    return f"{job_id}/variables/{number:08d}-{run_id}.json"


def commit_note(number: int, run_id: str) -> str:
    """Name, below a run's folder, of its note that a commit of driver state is there."""
    return f"commits/{number:08d}-{run_id}"


def tsets_path(job_id: str) -> str:
    """Folder of all persisted TSets, by their chains."""
    return f"{job_id}/tsets"


def tset_path(job_id: str, version: str) -> str:
    """Folder of a persisted TSet."""
    return f"{tsets_path(job_id)}/{version}"


def lineage_path(job_id: str, version: str) -> str:
    """Record of what a persisted TSet is made from."""
    return f"{tset_path(job_id, version)}/lineage.json"


def accepted_path(job_id: str, version: str) -> str:
    """Record of the user's word that another TSet's data count as this one's."""
    return f"{tset_path(job_id, version)}/accepted.json"


def manifest_path(job_id: str, version: str) -> str:
    """Record that commits a persisted TSet."""
    return f"{tset_path(job_id, version)}/manifest.json"


def generation_path(job_id: str, version: str, generation: str) -> str:
    """Folder of the attempts that may be mixed in one TSet."""
    return f"{tset_path(job_id, version)}/{generation}"


def order_path(job_id: str, chain: str) -> str:
    """Folder, beside the versions of a chain, of a name for each commit."""
    return f"{tsets_path(job_id)}/{chain}/{ORDER}"


def damaged_path(generation_path: str, attempt: str = "") -> str:
    """Beside the versions of a chain: what says that the bytes of an attempt were found damaged, or the folder of all."""
    return f"{generation_path.rsplit('/', 2)[0]}/{DAMAGED}/{attempt}".rstrip("/")


def is_generation(path: str) -> bool:
    """Whether a path is that of the attempts of a persisted TSet."""
    return path.split("/")[1:2] == ["tsets"]


def written_path(job_id: str, target: str, name: str) -> str:
    """Record of a file that the job has written elsewhere, or of the folder that it is in."""
    return f"{job_id}/written/{target}/{name}.json"


def part_path(generation_path: str, partition: int) -> str:
    """Record that commits one partition."""
    return f"{generation_path}/parts/{partition}.json"


def group_path(generation_path: str) -> str:
    """Zarr group that holds the partitions' data."""
    return f"{generation_path}/data.zarr"


def data_path(generation_path: str, partition: int, attempt: str) -> str:
    """Data of one attempt at a partition."""
    return f"{group_path(generation_path)}/{partition}-{attempt}"
