"""A first look at a file's bytes: what identifies it, whether it is text, and in which encoding."""

import codecs
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from retail_pipeline.errors import BadFile

CHUNK_BYTES = 1 << 20
FILE_NAME_BYTES = 200
"""Any file system takes 255."""

NOT_TEXT = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF document",
    b"\x1f\x8b": "gzip-compressed",
    b"\xfd7zXZ": "xz-compressed",
    b"PAR1": "a Parquet file",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}
"""What files that aren't text in a single-byte encoding or UTF-8 begin with."""


@dataclass(frozen=True)
class Inspection:
    """What a file's bytes say before anything is parsed."""

    sha256: str
    file_bytes: int
    encoding: str


class Inspector:
    """Looks at a file chunk by chunk, so that whoever copies or receives it need not read it twice."""

    def __init__(self, file_name: str, encodings: Iterable[str]):
        self._file_name = file_name
        self._sha256 = hashlib.sha256()
        self._bytes = 0
        self._lines = 0
        self._decoders = {encoding: codecs.getincrementaldecoder(encoding)() for encoding in encodings}
        self._seen_utf8 = False
        self._first_failure: str | None = None

    def feed(self, chunk: bytes) -> None:
        """Takes the next chunk; raises BadFile as soon as the file can't be text in any of the encodings."""
        if self._bytes == 0:
            self._refuse_known_formats(chunk)
        if (at := chunk.find(b"\0")) >= 0:
            raise BadFile(self._file_name, "holds a NUL byte, so it is no text file", line=self._line_at(chunk, at))
        self._decode(chunk, final=False)
        self._sha256.update(chunk)
        self._bytes += len(chunk)
        self._lines += _line_breaks(chunk)

    def finish(self) -> Inspection:
        """What was seen; raises BadFile where there was nothing, or the last character is cut."""
        if self._bytes == 0:
            raise BadFile(self._file_name, "the file is empty")
        self._decode(b"", final=True)
        return Inspection(self._sha256.hexdigest(), self._bytes, self.encoding)

    @property
    def encoding(self) -> str:
        """The first of the encodings that everything seen so far is text in."""
        return next(iter(self._decoders))

    def _refuse_known_formats(self, chunk: bytes) -> None:
        for magic, what in NOT_TEXT.items():
            if chunk.startswith(magic):
                raise BadFile(self._file_name, f"is {what}, not a text file; export it as CSV in UTF-8")

    def _decode(self, chunk: bytes, *, final: bool) -> None:
        for encoding, decoder in list(self._decoders.items()):
            try:
                text = decoder.decode(chunk, final)
            except UnicodeDecodeError as error:
                self._strike(encoding, error, chunk)
            else:
                self._seen_utf8 |= encoding == "utf-8" and not text.isascii()

    def _strike(self, encoding: str, error: UnicodeDecodeError, chunk: bytes) -> None:
        """Takes an encoding off the list; raises BadFile where it was the last, or where the file is damaged UTF-8."""
        was_preferred = encoding == next(iter(self._decoders))
        del self._decoders[encoding]
        kept_back = len(error.object) - len(chunk)
        line = self._line_at(chunk, max(0, error.start - kept_back))
        byte = f"byte 0x{error.object[error.start]:02x}"
        self._first_failure = self._first_failure or f"{byte} in line {line}"
        # Other encodings hardly ever look like UTF-8 by chance; reading on in one would garble what was good so far.
        if encoding == "utf-8" and was_preferred and (self._seen_utf8 or not error.object[: error.start].isascii()):
            problem = f"begins as UTF-8, but {byte} isn't: it was cut short or holds two encodings; export it again"
            raise BadFile(self._file_name, problem, line=line) from error
        if not self._decoders:
            raise BadFile(
                self._file_name,
                f"is in none of the source's encodings ({self._first_failure} is not valid in the first); "
                "export it in UTF-8 or name its encoding in the source's profile",
            ) from error

    def _line_at(self, chunk: bytes, position: int) -> int:
        return self._lines + _line_breaks(chunk, position) + 1


def _line_breaks(chunk: bytes, end: int | None = None) -> int:
    # Line feeds, alone or after a carriage return; only where there are none do carriage returns end lines.
    return chunk.count(b"\n", 0, end) or chunk.count(b"\r", 0, end)


def chunks_of(path: Path) -> Iterator[bytes]:
    """The file's bytes in chunks of bounded size."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def inspect(path: Path, encodings: Iterable[str]) -> Inspection:
    """A look at the whole file. Raises BadFile where it can't be text in any of the encodings."""
    inspector = Inspector(path.name, encodings)
    for chunk in chunks_of(path):
        inspector.feed(chunk)
    return inspector.finish()


def encoding_of_start(path: Path, encodings: Iterable[str]) -> str:
    """The encoding that the first chunk of a file is in: enough to read its header."""
    inspector = Inspector(path.name, encodings)
    for chunk in chunks_of(path):
        inspector.feed(chunk)
        return inspector.encoding
    return inspector.finish().encoding


def safe_file_name(name: str) -> str:
    """A name under which any file system and any database keeps a file: `_` for what one of them refuses.

    A name that is too long loses the middle, so that it still says what it is and of which kind.
    """
    name = re.sub(r"[\x00-\x1f\x7f/\\\ud800-\udfff]", "_", name)
    if not name.strip("."):  # the folder itself, or the one above
        name = name.replace(".", "_") or "_"
    while len(name.encode()) > FILE_NAME_BYTES:
        name = name[: len(name) // 2 - 1] + name[len(name) // 2 :]
    return name


def load_id_of(file_name: str, sha256: str) -> str:
    """`<file stem>-<first 12 hex of the SHA-256>`.

    The id is a file name in the landing store and a partition key in Dagster: what either refuses becomes `_`.
    """
    stem = re.sub(r"[^\w .()+=@-]|\.{2,}", "_", Path(file_name).stem).strip() or "file"
    # With the digest and a suffix it has to fit a file name, which takes 255 bytes.
    stem = stem.encode()[:180].decode(errors="ignore")
    return f"{stem}-{sha256[:12]}"
