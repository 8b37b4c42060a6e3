"""A first look at a file's bytes: what identifies it, whether it is text, and in which encoding."""

import codecs
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from retail_pipeline.errors import BadFile
from retail_pipeline.intake.formats.kinds import BINARY, format_of
from retail_pipeline.intake.packing import is_packed, opened

CHUNK_BYTES = 1 << 20
FILE_NAME_BYTES = 200
"""Any file system takes 255."""

REFUSED = {b"%PDF": "a PDF document", b"{\\rtf": "a text processor's document", b"PARE": "an encrypted Parquet file"}
"""What files of formats that hold no table begin with."""

UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Inspection:
    """What a file's bytes say before anything is parsed.

    `encoding` is that of the text in it, packed or not, or its format where that is no text, as `encoding_of` tells it.
    """

    sha256: str
    file_bytes: int
    encoding: str | None
    """None where an Inspector saw packed or binary content: it can't look inside."""


class Inspector:
    """Looks at a file chunk by chunk, all of which need not fit into memory."""

    def __init__(self, file_name: str, encodings: Iterable[str]):
        self._text = _TextInspector(file_name, encodings)
        self._sha256 = hashlib.sha256()
        self._bytes = 0
        self._is_text = True

    def feed(self, chunk: bytes) -> None:
        """Takes the next chunk; raises BadFile as soon as a text can't be text in any of the encodings."""
        if self._bytes == 0:
            self._is_text = is_text(chunk)
        if self._is_text:
            self._text.feed(chunk)
        self._sha256.update(chunk)
        self._bytes += len(chunk)

    def finish(self) -> Inspection:
        """What was seen; raises BadFile where there was nothing, or the last character is cut."""
        encoding = self._text.finish() if self._is_text else None
        return Inspection(self._sha256.hexdigest(), self._bytes, encoding)


class _TextInspector:
    """Finds the encoding of a text that comes in chunks."""

    def __init__(self, file_name: str, encodings: Iterable[str]):
        self._file_name = file_name
        self._lines = 0
        self._decoders = {encoding: codecs.getincrementaldecoder(encoding)() for encoding in encodings}
        self._is_empty = True
        self._seen_utf8 = False
        self._first_failure: str | None = None

    def feed(self, chunk: bytes) -> None:
        if self._is_empty:
            self._look_at_start(chunk)
        if "utf-16" not in self._decoders and (at := chunk.find(b"\0")) >= 0:
            raise BadFile(self._file_name, "holds a NUL byte, so it is no text file", line=self._line_at(chunk, at))
        self._decode(chunk, final=False)
        self._lines += _line_breaks(chunk)
        self._is_empty = self._is_empty and not chunk

    def finish(self) -> str:
        """The first of the encodings that everything seen so far is text in."""
        if self._is_empty:
            raise BadFile(self._file_name, "the file is empty")
        self._decode(b"", final=True)
        return self.encoding

    @property
    def encoding(self) -> str:
        """The first of the encodings that everything seen so far is text in."""
        return next(iter(self._decoders))

    def _look_at_start(self, chunk: bytes) -> None:
        for magic, what in REFUSED.items():
            if chunk.startswith(magic):
                raise BadFile(self._file_name, f"is {what}; export it as CSV, Excel, Parquet or JSON")
        if chunk.startswith(UTF16_MARKS):  # the mark says what the encoding is, whatever the profile expects
            self._decoders = {"utf-16": codecs.getincrementaldecoder("utf-16")()}

    def _decode(self, chunk: bytes, *, final: bool) -> None:
        for encoding, decoder in list(self._decoders.items()):
            try:
                text = decoder.decode(chunk, final)
            except UnicodeDecodeError as error:
                self._strike(encoding, error, chunk)
            else:
                self._seen_utf8 |= encoding == "utf-8" and not text.isascii()
                if encoding == "utf-16" and "\0" in text:
                    raise BadFile(self._file_name, "holds a NUL character, so it is no text file")

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


def inspect(path: Path, encodings: Sequence[str]) -> Inspection:
    """A look at the whole file. Raises BadFile where what is in it is text in none of the encodings."""
    inspector = Inspector(path.name, encodings)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            inspector.feed(chunk)
    found = inspector.finish()
    return replace(found, encoding=found.encoding or encoding_of(path, encodings))


def encoding_of(path: Path, encodings: Iterable[str], *, of_start: bool = False) -> str:
    """The encoding of what is in a file, packed or not, or its format where that is no text: `excel`, `parquet`.

    With `of_start`, of its first chunk: enough to read a header.
    """
    with opened(path) as content:
        if not is_text(content.start):
            return format_of(content.start)
        inspector = _TextInspector(path.name, encodings)
        while chunk := content.stream.read(CHUNK_BYTES):
            inspector.feed(chunk)
            if of_start:
                return inspector.encoding
        return inspector.finish()


def is_text(start: bytes) -> bool:
    """Whether a file that begins so is text as it is: neither packed nor of a binary format."""
    return not is_packed(start) and format_of(start) not in BINARY


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
