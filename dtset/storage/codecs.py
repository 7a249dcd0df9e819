"""Chunk codecs: the bytes that zarr-python writes for the same metadata, without importing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import google_crc32c
import numpy as np
from numcodecs import blosc

from dtset.errors import ConfigurationError
from dtset.storage.kinds import Array

DEFAULT_CODEC = "blosc-lz4"
_COMPRESSORS = {DEFAULT_CODEC: ("lz4", 5), "zstd": ("zstd", 3), "none": None}
_SHUFFLES = {"noshuffle": blosc.NOSHUFFLE, "shuffle": blosc.SHUFFLE, "bitshuffle": blosc.BITSHUFFLE}
_CRC_BYTES = 4

# As zarr-python does: Blosc's own threads and those of a scheduler do not go together.
blosc.use_threads = False


@dataclass(frozen=True, slots=True)
class ChunkCodec:
    """How the chunks of one array, whose entries may have a shape, are encoded: little-endian bytes, compressed, with a CRC32C.

    Examples
    --------
    >>> codec = chunk_codec("none", "int64")
    >>> chunk = codec.encode(np.array([1, 2]))
    >>> len(chunk), codec.decode(chunk).tolist()
    (20, [1, 2])
    """

    name: str
    dtype: str
    shape: tuple[int, ...] = ()

    @property
    def _shuffle(self) -> str:
        # Measured: shuffled 64-bit numbers compress 50 times better and 8 times faster in sequence,
        # booleans by bits 4 times better; text gains nothing.
        return {"bool": "bitshuffle", "uint8": "noshuffle"}.get(self.dtype, "shuffle")

    @property
    def _stored(self) -> np.dtype[Any]:
        return np.dtype(self.dtype).newbyteorder("<")

    def encode(self, chunk: Array) -> bytes:
        """Encode a chunk's entries."""
        raw = np.ascontiguousarray(chunk, self._stored)
        compressor = _COMPRESSORS[self.name]
        if compressor is None:
            data = raw.tobytes()
        else:
            name, level = compressor
            data = blosc.compress(
                raw, name.encode("ascii"), level, _SHUFFLES[self._shuffle], typesize=raw.itemsize
            )
        return bytes(data) + int(google_crc32c.value(data)).to_bytes(_CRC_BYTES, "little")

    def decode(self, data: bytes) -> Array:
        """Decode a chunk whose digest has been verified, which covers the CRC32C as well."""
        body = memoryview(data)[:-_CRC_BYTES]
        raw = body if _COMPRESSORS[self.name] is None else blosc.decompress(body)
        return np.frombuffer(raw, self._stored).reshape(-1, *self.shape)

    def metadata(self) -> list[dict[str, Any]]:
        """Return the codecs as an array's metadata lists them."""
        wide = np.dtype(self.dtype).itemsize > 1
        codecs: list[dict[str, Any]] = [
            {"name": "bytes", "configuration": {"endian": "little"}} if wide else {"name": "bytes"}
        ]
        compressor = _COMPRESSORS[self.name]
        if compressor is not None:
            configuration = {
                "typesize": np.dtype(self.dtype).itemsize,
                "cname": compressor[0],
                "clevel": compressor[1],
                "shuffle": self._shuffle,
                "blocksize": 0,
            }
            codecs.append({"name": "blosc", "configuration": configuration})
        return [*codecs, {"name": "crc32c"}]


def check_codec(name: str) -> str:
    """Return a codec's name if there is such a codec.

    Examples
    --------
    >>> check_codec("zstd")
    'zstd'
    """
    if name not in _COMPRESSORS:
        known = ", ".join(_COMPRESSORS)
        raise ConfigurationError(f"there is no codec {name!r}: set dtset.codec to one of {known}")
    return name


def chunk_codec(name: str, dtype: str, shape: tuple[int, ...] = ()) -> ChunkCodec:
    """Return the codec of a name, for arrays of a data type and entries of a shape.

    Examples
    --------
    >>> chunk_codec("blosc-lz4", "bool").metadata()[1]["configuration"]["shuffle"]
    'bitshuffle'
    """
    return ChunkCodec(check_codec(name), dtype, shape)
