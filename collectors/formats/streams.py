"""The bytes of a file to import: its wrapping taken off, cut into lines, damage found and named by its byte."""

import enum
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

import zstandard

from overheard.errors import InvalidInput
from overheard.listening.intake import MAX_RAW

MAX_LINE = 8 * 2**20
"""Bytes of one record. The longest posts we know have 40,000 characters; Reddit rows carry about 10 KiB around them."""

_CHUNK = 2**18
# Four bytes of a .zst can stand for 128 KiB, so that much compressed input gives 32 MiB at most.
_COMPRESSED_CHUNK = 2**10
_SAMPLE = 2**16
# Large dumps (Reddit's among them) are compressed with `--long=31`; without this they are refused.
_ZSTD_WINDOW = 2**31


class Wrapping(enum.Enum):
    """What is around the records, and its first bytes."""

    ZSTD = b"\x28\xb5\x2f\xfd"
    GZIP = b"\x1f\x8b"
    ZIP = b"PK\x03\x04"
    EMPTY_ZIP = b"PK\x05\x06"
    PARQUET = b"PAR1"
    NONE = b""


class Line(NamedTuple):
    """One line without its end. Of one that is too long, `raw` is the head."""

    number: int
    raw: bytes
    is_too_long: bool = False


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class InputFile:
    """An opened file."""

    path: Path
    handle: BinaryIO
    size: int
    wrapping: Wrapping

    @property
    def position(self) -> int:
        """How many of the file's bytes have been read."""
        return self.handle.tell()

    def sample(self) -> bytes:
        """The first bytes of the content, as many as can be read."""
        sample = b""
        try:
            for chunk in self.chunks():
                sample += chunk
                if len(sample) >= _SAMPLE:
                    break
        except InvalidInput:
            if not sample:
                raise
        return sample

    def chunks(self) -> Iterator[bytes]:
        """The content from its beginning; `InvalidInput` naming the byte where it cannot be read on."""
        self.handle.seek(0)
        match self.wrapping:
            case Wrapping.ZSTD:
                yield from self._decompressed(_zstd_decoder, "zstd")
            case Wrapping.GZIP:
                yield from self._decompressed(_gzip_decoder, "gzip")
            case _:
                while chunk := self.handle.read(_CHUNK):
                    yield chunk

    def _decompressed(self, new_decoder: Callable[[], _Decoder], name: str) -> Iterator[bytes]:
        decoder, is_inside, written = new_decoder(), False, 0
        while chunk := self.handle.read(_COMPRESSED_CHUNK):
            while chunk:
                try:
                    data = decoder.decompress(chunk)
                except (zstandard.ZstdError, zlib.error) as error:
                    raise InvalidInput(
                        f"{self.path.name} is damaged: its {name} data cannot be read on near byte "
                        f"{self.position - len(chunk)} (byte {written} of the content)."
                    ) from error
                written += len(data)
                yield data
                is_inside = not decoder.eof
                chunk = decoder.unused_data  # of the next frame: a file may be made of several
                if decoder.eof:
                    decoder = new_decoder()
        # zstd reports no error for a file that was cut off, so the end of the frame is what must be seen.
        if is_inside:
            raise InvalidInput(
                f"{self.path.name} is cut off: its {name} data goes on after byte {self.size}, where the file ends "
                f"(byte {written} of the content)."
            )

    def lines(self) -> Iterator[Line]:
        """The content's lines. Split before anything is decoded: a chunk may end inside a character."""
        number, rest, is_too_long = 0, b"", False
        for chunk in self.chunks():
            first, *others = chunk.split(b"\n")
            rest = rest if is_too_long else rest + first
            for other in others:
                number += 1
                yield _line(number, rest, is_too_long=is_too_long)
                rest, is_too_long = other, False
            if len(rest) > MAX_LINE:
                rest, is_too_long = rest[:MAX_RAW], True
        if rest:
            yield _line(number + 1, rest, is_too_long=is_too_long)


@contextmanager
def open_input(path: Path) -> Iterator[InputFile]:
    """The file, opened and its wrapping recognised."""
    try:
        handle = path.open("rb")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error
    with handle:
        size = handle.seek(0, 2)
        if size == 0:
            raise InvalidInput(f"{path.name} is empty.")
        handle.seek(0)
        head = handle.read(4)
        yield InputFile(path, handle, size, next(kind for kind in Wrapping if head.startswith(kind.value)))


def _line(number: int, raw: bytes, *, is_too_long: bool) -> Line:
    if number == 1:
        raw = raw.removeprefix(b"\xef\xbb\xbf")
    if len(raw) > MAX_LINE:
        raw, is_too_long = raw[:MAX_RAW], True
    return Line(number, raw, is_too_long)


def _zstd_decoder() -> _Decoder:
    return zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()


def _gzip_decoder() -> _Decoder:
    return zlib.decompressobj(wbits=31)
