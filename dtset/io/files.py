"""Files under fsspec URLs: which there are, and what tells one state of them from another."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from fsspec.core import split_protocol, strip_protocol, url_to_fs

from dtset.errors import ConfigurationError

__all__ = [
    "DataFile",
    "below_common_folder",
    "find_files",
    "identity_of",
    "place_of",
]

Urls: TypeAlias = "str | os.PathLike[str] | Sequence[str | os.PathLike[str]]"


@dataclass(frozen=True)
class DataFile:
    """A file, in the state in which it was found.

    Parameters
    ----------
    path : str
        Its path in its file system.
    size : int
        Bytes.
    identity : str
        Another one whenever the content is another.
    """

    path: str
    size: int
    identity: str


def find_files(urlpath: Urls, storage_options: Mapping[str, Any]) -> tuple[Any, list[DataFile]]:
    """Find the files that URLs and globs name, in the order of the URLs and, in globs, of names.

    Returns
    -------
    fs : fsspec.AbstractFileSystem
        Their file system.
    files : list of DataFile

    Raises
    ------
    FileNotFoundError
        A URL or a glob names no file.
    ConfigurationError
        There is no URL, or the package for one is missing.
    """
    urls = [urlpath] if isinstance(urlpath, str | os.PathLike) else list(urlpath)
    if not urls:
        raise ConfigurationError("no file was named: give a path, a URL or a glob")
    names = [os.path.expanduser(os.fspath(url)) for url in urls]
    if len({split_protocol(name)[0] for name in names}) > 1:
        raise ConfigurationError(
            f"files of one source lie in one file system; these do not: {[*map(_shown, names)]}"
        )
    try:
        fs, _ = url_to_fs(names[0], **storage_options)
    except (ImportError, ValueError) as error:
        raise ConfigurationError(f"{_shown(names[0])} cannot be read: {error}") from error
    # What was listed before, in this process or by another one's copy of it, may have changed.
    fs.invalidate_cache()
    files = []
    for name in names:
        found = _found(fs, strip_protocol(name) if "://" in name else os.path.abspath(name))
        if not found:
            raise FileNotFoundError(
                f"no file is named {_shown(name)}: look at the path, and at the glob in it"
            )
        files += [
            DataFile(path, int(info["size"]), identity_of(fs, path, info)) for path, info in found
        ]
    return fs, files


def identity_of(fs: Any, path: str, info: Mapping[str, Any] | None = None) -> str:
    """What tells the present content of a file from what it was, without reading it if possible.

    Size and modification time of local files, the version or ETag of those in object stores, ETag or
    Last-Modified with the length over HTTP; else a digest of the content.
    """
    if info is None:
        fs.invalidate_cache(path)
        info = _info(fs, path)
    found = info
    for keys in (
        ("VersionId",),
        ("generation", "size"),
        ("ETag",),
        ("etag",),
        ("Last-Modified", "size"),
        ("mtime", "size"),
    ):
        values = [found.get(key) for key in keys]
        if all(value not in (None, "", "null") for value in values):
            return ";".join(f"{key}={value}" for key, value in zip(keys, values, strict=True))
    return f"sha256={hashlib.sha256(fs.cat_file(path)).hexdigest()}"


def _info(fs: Any, path: str) -> Mapping[str, Any]:
    """What a file system says of a file; of a link, what it says of the file that it leads to."""
    info: Mapping[str, Any] = fs.info(path)
    return fs.info(os.path.realpath(path)) if info.get("islink") else info


def _shown(url: str) -> str:
    """A URL without the user, the password and the query in it."""
    return re.sub(r"//[^@]*@", "//", url).partition("?" if "://" in url else "\n")[0]


def _found(fs: Any, path: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Files that a path or a glob names, with what the file system says of them."""
    if any(each in path for each in "*?["):
        found = fs.glob(path, detail=True)
        # A link is listed as what it is, not as what it leads to.
        infos = {
            name: info if info["type"] in ("file", "directory") else _info(fs, name)
            for name, info in found.items()
        }
        return sorted((name, info) for name, info in infos.items() if info["type"] == "file")
    try:
        info = _info(fs, path)
    except FileNotFoundError:
        return []
    if info["type"] == "directory":
        raise IsADirectoryError(f"{path} is a folder: name its files, as in {path.rstrip('/')}/*")
    return [(path, info)]


def below_common_folder(files: Sequence[DataFile]) -> list[tuple[str, DataFile]]:
    """Files by their paths below the folder that they share: the same on every machine."""
    folder = posixpath.commonpath([posixpath.dirname(file.path) for file in files])
    # A query may hold a signature.
    return [(posixpath.relpath(file.path, folder or ".").partition("?")[0], file) for file in files]


def place_of(path: str) -> str:
    """A file's path as a person would say it: from the working directory, if it is below that."""
    here = os.getcwd()
    return os.path.relpath(path, here) if path.startswith(here + os.sep) else _shown(path)
