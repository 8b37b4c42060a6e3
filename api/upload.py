"""A file that comes in over HTTP, written to the landing store as it arrives and never held in memory."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from streaming_form_data import ParseFailedException, StreamingFormDataParser
from streaming_form_data.targets import BaseTarget, ValueTarget
from streaming_form_data.validators import MaxSizeValidator, ValidationError

from api.problems import Refused
from retail_pipeline.intake.inspection import safe_file_name

FIELD_BYTES = 1000
"""The longest value of a form's field that isn't a file."""

SUFFIXES = {
    "text/csv": ".csv",
    "application/json": ".json",
    "application/x-ndjson": ".ndjson",
    "application/vnd.apache.parquet": ".parquet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}
"""Kinds of content that are a file by themselves, and how such a file is called."""

PART_OF_FORM = "multipart/form-data"


@dataclass(frozen=True)
class Upload:
    """A file that arrived, and the source that the sender named."""

    file: Path
    source: str | None


async def receive(request: Request, folder: Path, most_bytes: int) -> Upload:
    """Writes what a request brings into a folder: a form's part `file`, or the body itself.

    Raises Refused where it is of another type, too large, or no file.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == PART_OF_FORM:
        return await _form(request, folder, most_bytes)
    if kind in SUFFIXES:
        name = safe_file_name(request.query_params.get("file_name") or f"upload{SUFFIXES[kind]}")
        with (folder / name).open("xb") as file:
            writer = _Writer(file, most_bytes)
            async for chunk in _chunks(request):
                await run_in_threadpool(writer.write, chunk)
        return Upload(folder / name, request.query_params.get("source"))
    raise Refused(415, f"{kind or 'no type'!r}: send {', '.join([PART_OF_FORM, *SUFFIXES])}")


async def _form(request: Request, folder: Path, most_bytes: int) -> Upload:
    part = _FilePart(folder, most_bytes)
    source = ValueTarget(validator=MaxSizeValidator(FIELD_BYTES))
    try:
        parser = StreamingFormDataParser(headers=request.headers)
        parser.register("file", part)
        parser.register("source", source)
        async for chunk in _chunks(request):
            await run_in_threadpool(parser.data_received, chunk)
    except ParseFailedException as error:
        raise Refused(422, f"the form can't be read: {error}") from error
    except ValidationError as error:
        raise Refused(422, f"source: longer than {FIELD_BYTES} bytes") from error
    finally:
        part.close()
    if part.path is None:
        raise Refused(422, "the form has no part `file` with a file's name")
    if not part.is_whole:
        raise Refused(422, "the form ends in the middle of the file")
    return Upload(part.path, source.value.decode(errors="replace").strip() or request.query_params.get("source"))


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            if chunk:
                yield chunk
    except ClientDisconnect as error:
        raise Refused(422, "the sender went away") from error


class _Writer:
    """Writes up to a number of bytes."""

    def __init__(self, file: BinaryIO, most_bytes: int):
        self._file, self._left, self._most = file, most_bytes, most_bytes

    def write(self, chunk: bytes) -> None:
        self._left -= len(chunk)
        if self._left < 0:
            raise Refused(413, f"the file is larger than {self._most:,} bytes (RETAIL_UPLOAD_BYTES)")
        self._file.write(chunk)


class _FilePart(BaseTarget):
    """The part of a form that is the file."""

    def __init__(self, folder: Path, most_bytes: int):
        super().__init__()
        self._folder, self._most = folder, most_bytes
        self._file: BinaryIO | None = None
        self.path: Path | None = None
        self.is_whole = False

    def on_start(self) -> None:
        if self.path:
            raise Refused(422, "the form has several parts `file`; send one file at a time")
        if self.multipart_filename:
            self.path = self._folder / safe_file_name(self.multipart_filename)
            self._file = self.path.open("xb")
            self._writer = _Writer(self._file, self._most)

    def on_data_received(self, chunk: bytes) -> None:
        if self._file:
            self._writer.write(chunk)

    def on_finish(self) -> None:
        self.is_whole = True
        self.close()

    def close(self) -> None:
        """Closes the file, whole or not."""
        if self._file:
            self._file.close()
