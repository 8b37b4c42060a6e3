"""The formats that exports come in, a module each, behind one interface: `open_table`."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from retail_pipeline.intake.formats.kinds import format_of
from retail_pipeline.intake.packing import opened
from retail_pipeline.sources import Layout

if TYPE_CHECKING:
    from retail_pipeline.intake.formats.table import Table


@contextmanager
def open_table(path: Path, layout: Layout, encoding: str, decimal: str = ".") -> Iterator["Table"]:
    """The table in a file, packed or not; `encoding` is what its text, if it is text, is in.

    Where a format stores numbers as such, they are written with the mark `decimal`, as the source's texts have them.
    Raises BadFile where it holds none.
    """
    with opened(path) as content:
        # Only the format's own libraries are imported.
        format = import_module(f"{__name__}.{format_of(content.start)}")
        with format.open_table(content, layout, encoding, decimal) as table:
            yield table
