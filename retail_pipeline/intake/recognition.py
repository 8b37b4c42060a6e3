"""Which source a file is of, told from its header."""

from pathlib import Path

from retail_pipeline.errors import BadFile
from retail_pipeline.intake.formats.kinds import BINARY
from retail_pipeline.intake.inspection import encoding_of
from retail_pipeline.intake.reader import read_header
from retail_pipeline.sources import Layout, SourceCatalogue, SourceProfile


def recognise(path: Path, sources: SourceCatalogue) -> SourceProfile:
    """The one profile whose columns the file has; where one extends another and both fit, the extended one.

    Raises BadFile where none or several fit, or where the file is no text in any source's encoding.
    """
    encodings = dict.fromkeys(encoding for source in sources for encoding in source.encodings)
    encoding = encoding_of(path, encodings, of_start=True)
    headers: dict[tuple, list[str]] = {}
    fitting = []
    for source in sources:
        layout = _layout(source, encoding)
        if layout not in headers:
            headers[layout] = _header(path, source, encoding)
        if source.matches(headers[layout]):
            fitting.append(source)
    extended = {source.extends for source in fitting if source.extends != source.name}
    fitting = [source for source in fitting if source.name not in extended]
    match fitting:
        case [profile]:
            return profile
        case []:
            header = max(headers.values(), key=len) or read_header(path, Layout(), encoding)
            columns = ", ".join(header[:20])
            known = f"no known source has these columns: {columns}"
            todo = "`retail sources infer` proposes a profile for them, or name a source with --source"
            raise BadFile(path.name, f"{known}; {todo}", line=1)
        case _:
            names = ", ".join(profile.name for profile in fitting)
            raise BadFile(path.name, f"several sources fit this header ({names}); name one with --source", line=1)


def _layout(source: SourceProfile, encoding: str) -> tuple:
    """What a header depends on."""
    marks = () if encoding in BINARY else (source.delimiter, source.quote, source.escape)
    return *marks, source.sheet, source.records


def _header(path: Path, source: SourceProfile, encoding: str) -> list[str]:
    try:
        return read_header(path, source, encoding)
    except BadFile:
        return []  # quoted names are not readable with a delimiter that isn't theirs
