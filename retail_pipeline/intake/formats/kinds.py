"""Which format a file is of, told from its first bytes."""

import re

from retail_pipeline.intake.packing import is_zip

OLD_OFFICE = b"\xd0\xcf\x11\xe0"
"""Old Excel workbooks, and new ones behind a password."""

BINARY = frozenset({"excel", "parquet"})

JSON_ARRAY = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[\s*(?:[\[{\]]|$)")
JSON_OBJECT = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*(?:["}]|$)')
"""Not any bracket: names of columns may begin with one."""


def format_of(start: bytes) -> str:
    """The format of unpacked content: excel, parquet, json or delimited."""
    if is_zip(start) or start.startswith(OLD_OFFICE):
        return "excel"
    if start.startswith(b"PAR1"):
        return "parquet"
    return "json" if JSON_ARRAY.match(start) or JSON_OBJECT.match(start) else "delimited"
