"""Lines of text files as a source."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from dtset.errors import ConfigurationError
from dtset.io.cuts import Cutting
from dtset.io.file_parts import FilePart
from dtset.io.file_source import FileSource, check_compression, compression_of, named, reading
from dtset.io.files import Urls, find_files, place_of

_CHARACTERS = 1 << 20
# In these, the byte of a line feed is nothing else, and decoding can begin after any of them.
CUTTABLE = ("utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252")


@dataclass(frozen=True)
class Lines:
    """Reads lines of text; with the names of their files if `with_path`."""

    encoding: str
    errors: str
    compression: str | None
    delimiter: str | None
    with_path: bool

    @property
    def how(self) -> Mapping[str, object]:
        """What the lines depend on besides the files."""
        return {
            "encoding": (self.encoding, self.errors),
            "reading": (self.delimiter, self.with_path),
        }

    def elements(self, part: FilePart, contents: dict[str, str]) -> Iterator[object]:
        """Give the lines of a part."""
        newline = None if self.delimiter is None else ""
        try:
            with (
                reading(part, self.compression, contents) as file,
                io.TextIOWrapper(
                    file, encoding=self.encoding, errors=self.errors, newline=newline
                ) as text,
            ):
                lines = text if self.delimiter is None else _delimited(text, self.delimiter)
                yield from ((line, part.name) for line in lines) if self.with_path else lines
        except UnicodeDecodeError as error:
            error.add_note(
                f"in {part.file.name}: give read_text the file's encoding=, or errors='replace'"
            )
            raise


def _delimited(text: TextIO, delimiter: str) -> Iterator[str]:
    """Cut a text after each delimiter, which stays with what it ends."""
    rest = ""
    while data := text.read(_CHARACTERS):
        *lines, rest = (rest + data).split(delimiter)
        for line in lines:
            yield line + delimiter
    if rest:
        yield rest


def codec_name(said: str, encoding: str, errors: str = "strict") -> str:
    """Return what an encoding is called, if there is one, and such a way to treat errors."""
    try:
        codecs.lookup_error(errors)
        return codecs.lookup(encoding).name
    except LookupError as error:
        raise ConfigurationError(
            f"{said}(encoding={encoding!r}, errors={errors!r}): {error}"
        ) from error


def text_source(
    urlpath: Urls,
    cutting: Cutting,
    encoding: str,
    errors: str,
    storage_options: Mapping[str, Any],
    compression: str | None = "infer",
    delimiter: str | None = None,
    with_path: bool = False,
) -> FileSource:
    """Find text files, and cut them into partitions."""
    name = codec_name("read_text", encoding, errors)
    check_compression("read_text", compression)
    if delimiter is not None and not (isinstance(delimiter, str) and delimiter):
        raise ConfigurationError(f"read_text(delimiter={delimiter!r}): give a text that ends lines")
    files = find_files(urlpath, storage_options)
    for file in files:
        if re.search(r"\.(tar|tgz|tbz2|txz)(\.\w+)?$", file.file_name):
            raise ConfigurationError(
                f"{file.name} is an archive: say which files of it to read, as in tar://*::{place_of(file)}"
            )
    ending = "\n" if delimiter is None else delimiter
    # Where one may begin inside of another, it depends on what comes before which of them counts.
    overlaps = any(ending.startswith(ending[start:]) for start in range(1, len(ending)))
    is_cuttable = name in CUTTABLE and not overlaps
    parts = cutting.cut(
        urlpath,
        files,
        lambda file: is_cuttable and compression_of(file, compression) is None,
        ending.encode(name),
    )
    if with_path:
        parts = named(parts)
    return FileSource(files, parts, Lines(name, errors, compression, delimiter, with_path))
