"""Which source a file is of, told from its header."""

from pathlib import Path

from retail_pipeline.intake.inspection import inspect
from retail_pipeline.intake.reader import read_header
from retail_pipeline.sources import SourceCatalogue, SourceProfile


def recognise(path: Path, sources: SourceCatalogue) -> SourceProfile:
    """The one profile whose columns the file has.

    Raises BadFile where none or several fit, or the file is no text in any source's encoding.
    """
    encodings = dict.fromkeys(encoding for source in sources for encoding in source.encodings)
    return sources.recognise(path, read_header(path, None, inspect(path, encodings).encoding))
