"""The forms in which rows are handed out: which one a request asks for, and rows written in it as they are read."""

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from io import BytesIO
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Literal

from fastapi import Request
from fastapi.responses import StreamingResponse

from api.json import dumps
from api.problems import Refused
from retail_pipeline.intake.spreadsheets import FORMULA_STARTS

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["json", "csv", "ndjson", "parquet", "arrow"]

MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "csv": "text/csv",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
}

FORMULA = "^[" + "".join(sorted(FORMULA_STARTS)).replace("-", r"\-") + "]"
"""A text that a spreadsheet would run."""


def wanted(request: Request, stated: Format | None) -> Format:
    """The format that a request asks for: as stated in the query, else by `Accept`, else JSON."""
    if stated:
        return stated
    accepted = request.headers.get("accept", "*/*")
    for kind in _by_preference(accepted):
        for name, media_type in MEDIA_TYPES.items():
            if kind in ("*/*", media_type, f"{media_type.partition('/')[0]}/*"):
                return name
    raise Refused(406, f"{accepted!r}: there are {', '.join(MEDIA_TYPES.values())}")


def declared(*names: Format) -> dict[str, Any]:
    """How FastAPI is told of further formats of an answer."""
    as_text = {"csv", "ndjson"}
    return {
        MEDIA_TYPES[name]: {"schema": {"type": "string"} | ({} if name in as_text else {"format": "binary"})}
        for name in names
    }


def stream(batches: Generator["pa.RecordBatch"], schema: "pa.Schema", form: Format, name: str) -> StreamingResponse:
    """An answer that hands out batches of rows as they come; a download called `name`."""
    first = list(islice(batches, 1))  # what can't be read is an error, not an answer that breaks off
    pieces = WRITERS[form](chain(first, batches), schema)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    return StreamingResponse(_until_left(pieces, batches), media_type=MEDIA_TYPES[form], headers=headers)


def _until_left(pieces: Iterator[bytes], batches: Generator["pa.RecordBatch"]) -> Iterator[bytes]:
    """The pieces of an answer; what they are read from is closed in the end, also when the reader goes away."""
    try:
        yield from pieces
    finally:
        batches.close()


def _csv(batches: Iterable["pa.RecordBatch"], schema: "pa.Schema") -> Iterator[bytes]:
    import pyarrow.csv

    text = [name for name, kind in zip(schema.names, schema.types, strict=True) if str(kind) == "string"]
    header = pyarrow.csv.WriteOptions(include_header=True, quoting_style="needed")
    without = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")
    sink = BytesIO()
    pyarrow.csv.write_csv(schema.empty_table(), sink, header)
    yield sink.getvalue()
    for batch in batches:
        sink = BytesIO()
        pyarrow.csv.write_csv(_safe_in_spreadsheets(batch, text), sink, without)
        yield sink.getvalue()


def _safe_in_spreadsheets(batch: "pa.RecordBatch", text: list[str]) -> "pa.RecordBatch":
    """The batch with an apostrophe before text that a spreadsheet would run; numbers stay as they are."""
    import pyarrow.compute as pc

    for name in text:
        column = batch.column(name)
        if pc.any(pc.match_substring_regex(column, FORMULA)).as_py():
            guarded = pc.replace_substring_regex(column, f"({FORMULA})", r"'\1", max_replacements=1)
            batch = batch.set_column(batch.schema.get_field_index(name), batch.schema.field(name), guarded)
    return batch


def _ndjson(batches: Iterable["pa.RecordBatch"], schema: "pa.Schema") -> Iterator[bytes]:
    yield b""
    for batch in batches:
        yield b"".join(dumps(row) + b"\n" for row in batch.to_pylist())


def _arrow(batches: Iterable["pa.RecordBatch"], schema: "pa.Schema") -> Iterator[bytes]:
    import pyarrow as pa

    return _written(batches, lambda sink: pa.ipc.new_stream(sink, schema))


def _parquet(batches: Iterable["pa.RecordBatch"], schema: "pa.Schema") -> Iterator[bytes]:
    import pyarrow.parquet

    return _written(batches, lambda sink: pyarrow.parquet.ParquetWriter(sink, schema, compression="zstd"))


def _written(batches: Iterable["pa.RecordBatch"], writer_on: Callable[[Any], Any]) -> Iterator[bytes]:
    sink = _Sink()
    with writer_on(sink) as writer:
        yield sink.taken()
        for batch in batches:
            writer.write_batch(batch)
            yield sink.taken()
    yield sink.taken()


class _Sink:
    """A file that is written from front to back, and taken away piece by piece."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        return len(piece)

    def taken(self) -> bytes:
        """What was written since it was last asked for."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self.closed = True


WRITERS: dict[str, Callable[[Iterable["pa.RecordBatch"], "pa.Schema"], Iterator[bytes]]] = {
    "csv": _csv,
    "ndjson": _ndjson,
    "arrow": _arrow,
    "parquet": _parquet,
}


def _by_preference(accept: str) -> list[str]:
    """The media types of an Accept header (RFC 9110, 12.5.1), the most wanted first, without those refused."""
    found = []
    for place, part in enumerate(accept.split(",")):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            if match := re.fullmatch(r"q=([01](?:\.\d{0,3})?)", parameter):
                weight = float(match[1])
        if weight > 0 and kind:
            found.append((-weight, place, kind))
    return [kind for *_, kind in sorted(found)]
