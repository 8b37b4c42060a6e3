"""Which source a file is of, told from its header."""

from pathlib import Path

from retail_pipeline.errors import BadFile
from retail_pipeline.intake.inspection import encoding_of_start
from retail_pipeline.intake.reader import read_header
from retail_pipeline.sources import SourceCatalogue, SourceProfile


def recognise(path: Path, sources: SourceCatalogue) -> SourceProfile:
    """The one profile whose columns the file has.

    Raises BadFile where none or several fit, or where the file is no text in any source's encoding.
    """
    encoding = encoding_of_start(path, dict.fromkeys(encoding for source in sources for encoding in source.encodings))
    headers = {delimiter: _header(path, delimiter, encoding) for delimiter in {source.delimiter for source in sources}}
    fitting = [source for source in sources if source.matches(headers[source.delimiter])]
    match fitting:
        case [profile]:
            return profile
        case []:
            header = max(headers.values(), key=len) or read_header(path, ",", encoding)
            columns = ", ".join(header[:20])
            raise BadFile(path.name, f"no known source has these columns: {columns}; name one with --source", line=1)
        case _:
            names = ", ".join(profile.name for profile in fitting)
            raise BadFile(path.name, f"several sources fit this header ({names}); name one with --source", line=1)


def _header(path: Path, delimiter: str, encoding: str) -> list[str]:
    try:
        return read_header(path, delimiter, encoding)
    except BadFile:
        return []  # quoted names are not readable with a delimiter that isn't theirs
