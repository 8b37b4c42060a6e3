"""Cells of an Excel workbook (.xlsx) that hold an error, such as #N/A: its reader takes them for blank ones."""

import posixpath
import re
import zipfile
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

ErrorCells = dict[int, dict[int, str]]
"""What cells say, by the row's number (from 1) and the column's place (from 0)."""

ADDRESS = re.compile(r"([A-Za-z]+)([0-9]+)")


def errors_of(path: Path, sheet: str) -> ErrorCells:
    """The cells of a sheet that hold an error; none where the workbook doesn't say as Excel does where the sheet is.

    Raises ElementTree.ParseError, or what zipfile raises, where it is damaged.
    """
    found: ErrorCells = defaultdict(dict)
    with zipfile.ZipFile(path) as archive:
        part = _part_of(archive, sheet)
        if part not in archive.namelist():
            return {}
        with archive.open(part) as content:
            for _, element in ElementTree.iterparse(content):
                if element.get("t") == "e" and (address := ADDRESS.fullmatch(element.get("r", ""))):
                    letters, row = address.groups()
                    found[int(row)][column_number(letters.encode()) - 1] = element.findtext("{*}v") or "#ERROR"
                elif element.tag.endswith("}row"):
                    element.clear()  # else all of the sheet would be held in memory
    return dict(found)


def column_number(letters: bytes) -> int:
    """1 for A, 27 for AA."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """Where in the workbook a sheet is; empty where that isn't told."""
    try:
        book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
        relations = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    except KeyError:
        return ""
    keys = [
        value
        for element in book.findall(".//{*}sheet")
        for name, value in element.items()
        if element.get("name") == sheet and name.endswith("}id")
    ]
    targets = {element.get("Id"): element.get("Target", "") for element in relations.findall("{*}Relationship")}
    return posixpath.normpath(posixpath.join("/xl", targets.get(keys[0], "") if keys else "")).lstrip("/")
