"""What may be around a file: gzip, xz or zip, undone while it is read and only up to a limit."""

import gzip
import io
import lzma
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from retail_pipeline.errors import BadFile
from retail_pipeline.settings import Settings

GZIP, XZ, ZIP = b"\x1f\x8b", b"\xfd7zXZ\x00", b"PK\x03\x04"
EMPTY_ZIP = b"PK\x05\x06"
BUFFER_BYTES = 1 << 17
"""What is unpacked at a time: decompressors answer small requests slowly."""

DAMAGE = (
    *(EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, struct.error),
    *(NotImplementedError, RuntimeError, ValueError, OverflowError, LookupError),
)
"""What decompressors raise for a damaged file, or for a way of packing that they don't know."""


@dataclass
class Content:
    """What is inside a file. `stream` gives the unpacked bytes; `packed.tell()` says how far into the file one is."""

    path: Path
    stream: io.BufferedReader
    packed: BinaryIO

    @property
    def start(self) -> bytes:
        """The first bytes, without moving on."""
        return self.stream.peek(64)

    @contextmanager
    def as_file(self) -> Iterator[Path]:
        """The content as a file of its own, for formats that are not read from their beginning to their end."""
        if self.stream is self.packed:
            yield self.path
            return
        with tempfile.NamedTemporaryFile() as file:
            shutil.copyfileobj(self.stream, file)
            file.flush()
            yield Path(file.name)


@contextmanager
def opened(path: Path) -> Iterator[Content]:
    """A file's content, unpacked where it is packed, once. Raises BadFile where it is damaged or grows too large."""
    with ExitStack() as closing:
        packed = closing.enter_context(path.open("rb", buffering=BUFFER_BYTES))
        unpacked = _unpacked(path, packed, closing)
        if unpacked is None:
            yield Content(path, packed, packed)
            return
        limit = Settings().unpacked_mb * 1_000_000
        stream = closing.enter_context(io.BufferedReader(_Limited(unpacked, path.name, limit), BUFFER_BYTES))
        if stream.peek(8).startswith((GZIP, XZ)):  # a zip archive in it may be a workbook
            raise BadFile(path.name, "is packed twice; unpack it once")
        yield Content(path, stream, packed)


def is_zip(start: bytes) -> bool:
    return start.startswith((ZIP, EMPTY_ZIP))


def is_packed(start: bytes) -> bool:
    """Whether a file that begins so is packed, or is an Excel workbook, which is a zip archive as well."""
    return start.startswith((GZIP, XZ)) or is_zip(start)


def _unpacked(path: Path, packed: BinaryIO, closing: ExitStack) -> BinaryIO | None:
    """The unpacked bytes, or None where the file isn't packed."""
    start = packed.peek(8)
    if start.startswith(GZIP):
        return closing.enter_context(gzip.GzipFile(fileobj=packed))
    if start.startswith(XZ):
        return closing.enter_context(lzma.LZMAFile(packed))
    if not is_zip(start):
        return None
    try:
        archive = closing.enter_context(zipfile.ZipFile(packed))
    except DAMAGE as error:
        raise BadFile(path.name, f"is a damaged zip archive or workbook: {error}") from error
    if _is_workbook(archive):
        packed.seek(0)
        return None
    return closing.enter_context(_only_member(path, archive))


def _is_workbook(archive: zipfile.ZipFile) -> bool:
    return any(name.lstrip("/").lower() == "xl/workbook.xml" for name in archive.namelist())


def _only_member(path: Path, archive: zipfile.ZipFile) -> BinaryIO:
    members = [
        member
        for member in archive.infolist()
        if not member.filename.endswith("/") and not member.filename.startswith("__MACOSX/")
    ]
    if len(members) != 1:
        names = ", ".join(member.filename for member in members[:5])
        raise BadFile(path.name, f"holds {len(members)} files ({names}); pack each by itself")
    if members[0].flag_bits & 1:
        raise BadFile(path.name, "is protected by a password; unpack it first")
    try:
        return archive.open(members[0])
    except DAMAGE as error:
        raise BadFile(path.name, f"can't be unpacked: {error}") from error


class _Limited(io.RawIOBase):
    """Bytes as they are unpacked, up to a limit."""

    def __init__(self, inner: BinaryIO, file_name: str, limit: int):
        self._inner, self._file_name, self._limit, self._bytes = inner, file_name, limit, 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._bytes

    def readinto(self, buffer) -> int:
        try:
            read = self._inner.read(len(buffer))
        except DAMAGE as error:
            raise BadFile(self._file_name, f"can't be unpacked: it is damaged or cut short ({error})") from error
        self._bytes += len(read)
        if self._bytes > self._limit:
            raise BadFile(
                self._file_name,
                f"unpacks to more than {self._limit // 1_000_000:,} MB; if that is right, raise RETAIL_UNPACKED_MB",
            )
        buffer[: len(read)] = read
        return len(read)
