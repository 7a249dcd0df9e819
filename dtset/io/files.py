"""Files under fsspec URLs: which there are, what tells one state of them from another, and their bytes."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from glob import has_magic
from itertools import takewhile
from pathlib import PurePosixPath
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit

from fsspec.core import split_protocol, url_to_fs
from fsspec.registry import available_protocols, get_filesystem_class

from dtset.errors import ConfigurationError, DTSetError, SourceChangedError
from dtset.io.local_files import find_local, local_name, local_state
from dtset.io.patterns import is_matched, pattern_of
from dtset.urls import redacted, shown_url

_Url: TypeAlias = "str | bytes | os.PathLike[str] | os.PathLike[bytes]"
Urls: TypeAlias = "_Url | Sequence[_Url]"

_BRACES = re.compile(r"\{([^{},]*(?:,[^{},]*)+)\}")
_ARCHIVES = ("zip", "tar", "libarchive")
# Their copies may be of an older state than the one that counts: the files themselves are read.
_CACHES = ("simplecache", "filecache", "blockcache", "cached")
# With these, an ETag or a version is one of the content, wherever it lies.
_BY_CONTENT = ("s3", "s3a")
_STATES = (
    ("VersionId",),
    ("generation", "size"),
    ("ETag", "size"),
    ("etag", "size"),
    ("Last-Modified", "size"),
    ("mtime", "size"),
)
# The parts of a signed URL that give access, in lower case: S3's and CloudFront's, Azure's.
_SIGNATURES = ("x-amz-signature", "x-goog-signature", "signature", "sig")
_SIGNED = frozenset(
    [
        "awsaccesskeyid",
        "googleaccessid",
        "signature",
        "expires",
        "key-pair-id",
        "policy",
        "sig",
        "se",
        "st",
        "sp",
        "sv",
        "sr",
        "spr",
        "sip",
        "ske",
        "skt",
        "sks",
        "skv",
        "skoid",
        "sktid",
    ]
)


@dataclass(frozen=True)
class DataFile:
    """A file, in the state in which it was found.

    Its `name` is without what is secret; its `identity` is another one whenever the content is another. The `url` is empty for a
    file of this machine, and the `archive` is what it is a member of.
    """

    name: str
    size: int
    identity: str
    url: str = field(repr=False)
    path: str = field(repr=False)
    options: Mapping[str, Any] = field(repr=False, compare=False)
    archive: DataFile | None = field(default=None, repr=False)
    below: str = field(default="", repr=False, compare=False)

    @property
    def relative(self) -> str:
        """Its name below the folder where the URL's wildcards begin: the same wherever that lies."""
        return self.name.removeprefix(self.below)

    @property
    def file_name(self) -> str:
        """Its own name, whose ending says how it is compressed."""
        path = urlsplit(self.path).path if self.path.startswith(("http:", "https:")) else self.path
        return path.rpartition("/")[2]


def find_files(urlpath: Urls, storage_options: Mapping[str, Any]) -> list[DataFile]:
    """Find the files that URLs and globs name, in the order of the URLs and, in globs, of names; what exists by a name is meant by it."""
    files = []
    for name in _names(urlpath):
        found = _found(name, storage_options)
        if not found:
            raise FileNotFoundError(
                f"no file is named {shown_url(name)}: look at the path, and at the glob in it"
            )
        below = _below(shown_url(_fixed(name)), found)
        files += [replace(file, below=below) for file in found]
    return files


def _below(name: str, files: Sequence[DataFile]) -> str:
    """The part of a name before its first wildcard; a folder, or the folder of a file."""
    if all(file.name.startswith(f"{name.rstrip('/')}/") for file in files):
        return f"{name.rstrip('/')}/"
    parts = name.split("/")
    fixed = list(takewhile(lambda part: not has_magic(part), parts[:-1]))
    return "/".join(fixed) + "/" if fixed else ""


def fixed_names(urlpath: Urls) -> tuple[str, ...]:
    """Names as they are understood now, so that they mean the same in another working directory."""
    return tuple(map(_fixed, _names(urlpath)))


@contextmanager
def opened(file: DataFile) -> Iterator[Any]:
    """Open a file for its bytes; what its file system raises shows nothing secret."""
    with failing(file.url, file.options):
        if file.archive is not None:
            with _opened_anywhere(file.archive) as archive:
                # Held: when it is gone, the archive is closed.
                fs = _archive_system(file, archive)
                with fs.open(file.path, "rb") as member:
                    yield member
        elif not file.url:
            with open(file.path, "rb") as local:
                yield local
        else:
            with file_system(file.url, file.options).open(file.path, "rb") as remote:
                yield remote


def check_unchanged(file: DataFile) -> None:
    """Make sure that a file is in the state in which it was found."""
    whole = file
    while whole.archive is not None:
        whole = whole.archive
    try:
        now = _state_now(whole)
    except FileNotFoundError:
        now = ""
    if _on_any_machine(now) != _on_any_machine(whole.identity):
        raise SourceChangedError(
            f"{file.name} changed while it was read: run again, to read it as it is now"
        )


def below_common_folder(files: Sequence[DataFile]) -> list[tuple[str, DataFile]]:
    """Files by their paths below the folder that they share, the same on every machine, no two alike."""
    paths = [file.name.split("/") for file in files]
    folders = zip(*(path[:-1] for path in paths), strict=False)
    shared = sum(1 for _ in takewhile(lambda parts: len(set(parts)) == 1, folders))
    seen: Counter[str] = Counter()
    named = []
    for path, file in zip(paths, files, strict=True):
        name = "/".join(path[shared:])
        seen[name] += 1
        named.append((name if seen[name] == 1 else f"{name} ({seen[name]})", file))
    return named


def place_of(file: DataFile) -> str:
    """Where a file lies, as a person would say it: from the working directory, if it is below that."""
    here = os.getcwd() + os.sep
    return file.name.removeprefix(here)


def _names(urlpath: Urls) -> list[str]:
    urls = [urlpath] if isinstance(urlpath, str | bytes | os.PathLike) else list(urlpath)
    if not urls:
        raise ConfigurationError("no file was named: give a path, a URL or a glob")
    return [name for url in urls for name in _without_braces(os.fsdecode(url))]


def _without_braces(name: str) -> list[str]:
    """The names that one with ``{a,b}`` stands for, unless it is the name of a file, or a URL of HTTP's."""
    found = _BRACES.search(name)
    if found is None or os.path.lexists(name) or name.startswith(("http:", "https:")):
        return [name]
    start, end = name[: found.start()], name[found.end() :]
    return [
        each for choice in found[1].split(",") for each in _without_braces(start + choice + end)
    ]


def _fixed(name: str) -> str:
    """A name whose path, if it is one, is absolute; of a chain of URLs, that of its last link."""
    path = local_name(name, _protocols())
    if path is not None:
        return path
    first, mark, rest = name.partition("::")
    return f"{first}{mark}{_fixed(rest)}" if mark else name


def _protocols() -> frozenset[str]:
    return frozenset(available_protocols())


def _found(name: str, options: Mapping[str, Any]) -> list[DataFile]:
    path = local_name(name, _protocols())
    if path is not None:
        return [
            DataFile(found, *local_state(found), url="", path=found, options={})
            for found in find_local(path)
        ]
    first, _, rest = name.partition("::")
    protocol = split_protocol(first)[0] or first
    if not rest:
        with failing(name, options):
            return _found_remote(name, options)
    if protocol not in (*_ARCHIVES, *_CACHES):
        raise ConfigurationError(
            f"{shown_url(name)} cannot be read: what stands before :: is an archive ({', '.join(_ARCHIVES)}) or a cache, "
            "as in zip://*.txt::s3://bucket/a.zip; over HTTP, write %3A%3A for a :: of the URL's own"
        )
    # Options that belong to no other link of the chain are the first one's.
    protocols = {split_protocol(link)[0] or link for link in name.split("::")}
    others = {key: value for key, value in options.items() if key in protocols}
    below = _found(rest, others)
    if protocol in _CACHES:
        return below
    own = {key: value for key, value in options.items() if key not in protocols}
    own = {**own, **others.get(protocol, {})}
    member = first.partition("://")[2]
    return [file for archive in below for file in _members(archive, protocol, member, own)]


def _members(
    archive: DataFile, protocol: str, member: str, options: Mapping[str, Any]
) -> list[DataFile]:
    """Members of an archive that a name means; a member's state is the archive's."""
    file = DataFile("", 0, "", f"{protocol}://", member, options, archive)
    with failing(archive.url, options), _opened_anywhere(archive) as raw:
        found = _archive_system(file, raw).find("", detail=True)
    # Some programs that write archives call a member ./a.txt, or /a.txt.
    members = {path.removeprefix("./").lstrip("/"): path for path in found}
    wanted = member.removeprefix("./").lstrip("/")
    if wanted in members:
        names = [wanted]
    else:
        folders = {str(above) for path in members for above in PurePosixPath(path).parents}
        if wanted in folders:
            raise IsADirectoryError(
                f"{wanted or 'all of it'} is a folder in {archive.name}: name its files, as in "
                f"{protocol}://{f'{wanted}/' if wanted else ''}*"
            )
        pattern = pattern_of(wanted, folders.__contains__)
        names = sorted(each for each in members if is_matched(each.split("/"), pattern))
    return [
        replace(
            file,
            name=f"{archive.name}/{each}",
            size=int(found[members[each]]["size"]),
            identity=archive.identity,
            path=members[each],
        )
        for each in names
    ]


def _archive_system(file: DataFile, archive: Any) -> Any:
    return get_filesystem_class(file.url.partition("://")[0])(fo=archive, **file.options)


@contextmanager
def _opened_anywhere(archive: DataFile) -> Iterator[Any]:
    """Open a file to be read from anywhere in it: a copy of it, where one can only read on."""
    with opened(archive) as raw:
        try:
            raw.seek(max(0, archive.size - 1))
            raw.read(1)
            raw.seek(0)
        except (OSError, ValueError):
            can_seek = False
        else:
            can_seek = True
            yield raw
    if not can_seek:
        with tempfile.TemporaryFile(prefix="dtset-") as copy:
            fs = file_system(archive.url, archive.options)
            with failing(archive.url, archive.options), fs.open(archive.path, block_size=0) as raw:
                shutil.copyfileobj(raw, copy)
            copy.seek(0)
            yield copy


def file_system(url: str, options: Mapping[str, Any]) -> Any:
    """Return the file system of a URL."""
    try:
        return url_to_fs(url, **options)[0]
    except (ImportError, ValueError) as error:
        said = redacted(str(error), url, options)
        raise ConfigurationError(f"{shown_url(url)} cannot be read: {said}") from None


def _found_remote(url: str, options: Mapping[str, Any]) -> list[DataFile]:
    fs = file_system(url, options)
    path = fs._strip_protocol(url)
    # What was listed before, in this process or by another one's copy of it, may have changed.
    fs.invalidate_cache()
    start = url.removesuffix(path) if url.endswith(path) else f"{split_protocol(url)[0]}://"
    files = []
    for found, info in _listed(fs, path, shown_url(start + path)):
        empty = DataFile(shown_url(start + found), 0, "", url, found, options)
        size, identity = _state_of(fs, empty, info)
        files.append(replace(empty, size=size, identity=identity))
    return files


def _listed(fs: Any, path: str, shown: str) -> list[tuple[str, Mapping[str, Any]]]:
    try:
        info = fs.info(path)
    except FileNotFoundError:
        info = None
    if info is not None:
        if info["type"] != "directory":
            return [(path, info)]
        path = f"{path.rstrip('/')}/*"
    if not has_magic(path):
        return []
    pattern = pattern_of(path, fs.exists)
    found = fs.glob("/".join(pattern), detail=True)
    listed = []
    for name in sorted(found):
        if is_matched(name.split("/"), pattern):
            # A link is listed as what it is, not as what it leads to; and some say no more than the name.
            info = found[name]
            if info["type"] not in ("file", "directory") or info.get("size") is None:
                info = fs.info(name)
            if info["type"] == "file":
                listed.append((name, info))
    return listed


def _state_now(file: DataFile) -> str:
    if not file.url:
        return local_state(file.path)[1]
    with failing(file.url, file.options):
        fs = file_system(file.url, file.options)
        fs.invalidate_cache(file.path)
        return _state_of(fs, file, fs.info(file.path))[1]


def _state_of(fs: Any, file: DataFile, info: Mapping[str, Any]) -> tuple[int, str]:
    """Size of a file, and what tells its present content from what it was, without reading it if possible.

    The version or ETag of what lies in object stores, ETag or Last-Modified with the length over HTTP; else a
    digest of the content. Where these are not of the content, they are of a file in one place.
    """
    protocol = split_protocol(file.url)[0]
    for keys in _STATES:
        values = {key: info.get(key) for key in keys}
        # A weak ETag is that of contents which somebody took for equal.
        if str(values.get("ETag")).startswith("W/"):
            continue
        if all(value not in (None, "", "null") for value in values.values()):
            said = ";".join(f"{key}={value}" for key, value in values.items())
            place = "" if protocol in _BY_CONTENT else f";place={_place_digest(file)}"
            return int(info["size"]), said + place
    size, digest = 0, hashlib.sha256()
    with fs.open(file.path, "rb") as content:
        while data := content.read(2**20):
            size += len(data)
            digest.update(data)
    return size, f"sha256={digest.hexdigest()}"


def _place_digest(file: DataFile) -> str:
    """Digest of where a file lies, without what gives access to it: a URL that is signed anew is the same place."""
    parts = urlsplit(file.path) if split_protocol(file.url)[0] in ("http", "https") else None
    where = [urlsplit(shown_url(file.url)).netloc, parts.path if parts else file.path]
    if parts is not None and parts.query:
        query = parse_qsl(parts.query, keep_blank_values=True)
        if any(key.lower() in _SIGNATURES for key, _ in query):
            query = [
                (key, value)
                for key, value in query
                if key.lower() not in _SIGNED and not key.lower().startswith(("x-amz-", "x-goog-"))
            ]
        where.append(urlencode(query))
    return hashlib.sha256("\n".join(where).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _on_any_machine(identity: str) -> str:
    """An identity without the inode, which file systems in user space number on each machine."""
    return identity.partition(";inode=")[0]


@contextmanager
def failing(url: str, options: Mapping[str, Any]) -> Iterator[None]:
    """Let no error of a file system through that shows what is secret in a URL or in options."""
    try:
        yield
    except (DTSetError, UnicodeError):
        raise
    except Exception as error:
        said = redacted(str(error), url, options)
        if all(redacted(str(each), url, options) == str(each) for each in _causes(error)):
            raise
        kinds = (each for each in type(error).__mro__ if each.__module__ == "builtins")
        kind = next(each for each in kinds if issubclass(each, Exception))
        what = "" if kind is type(error) else f"{type(error).__name__}: "
        raise (kind if issubclass(kind, OSError) else OSError)(f"{what}{said}") from None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
