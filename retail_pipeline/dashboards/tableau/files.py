"""Writing the files for Tableau into a folder."""

import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from retail_pipeline.dashboards.description import dashboards
from retail_pipeline.dashboards.queries import answers, choices, select
from retail_pipeline.dashboards.tableau.datasource import EXTRACT, Hyper, MySQL
from retail_pipeline.dashboards.tableau.extract import write_extract
from retail_pipeline.dashboards.tableau.workbook import Contents, data_source_files, workbook
from retail_pipeline.dashboards.tableau.xml import document
from retail_pipeline.errors import BadInput
from retail_pipeline.warehouse import Warehouse

LIVE, PACKAGED = "retail.twb", "retail.twbx"

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of everything in a packaged workbook, so that the same marts give the same bytes."""


class MissingPart(BadInput):
    """A file can't be written here, while others may be."""


def write(warehouse: Warehouse, folder: Path, version: str) -> Iterator[str]:
    """Writes what can be written and tells of each file, or why not. Raises BadInput where nothing can."""
    refused = []
    with warehouse.reading() as connection:
        for one in (write_live, write_packaged):
            try:
                written = one(warehouse, connection, folder, version)
            except MissingPart as reason:
                refused.append(str(reason))
            else:
                others = f", and {len(written) - 1} data sources beside it" if len(written) > 1 else ""
                yield f"{written[0]} is written{others}."
    if len(refused) == 2:
        raise BadInput("; ".join(refused))
    yield from (f"Left out: {reason}." for reason in refused)


def write_live(warehouse: Warehouse, connection: sa.Connection, folder: Path, version: str) -> list[Path]:
    """Writes the workbook on the live marts and a data source for each.

    Raises MissingPart where Tableau can't reach them.
    """
    if warehouse.is_sqlite:
        raise MissingPart(f"{LIVE} needs the marts in MySQL or MariaDB; Tableau has no connection to SQLite")
    url = warehouse.url
    host, _, port = warehouse.settings.tableau_server.partition(":")
    live = MySQL(host or url.host or "localhost", int(port or (not host and url.port) or 3306), url.database or "")
    found = contents(connection)
    written = {folder / LIVE: workbook(found, live, version)}
    sources = data_source_files(found.choices, live, version)
    written |= {folder / f"{name}.tds": source for name, source in sources.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for path, root in written.items():
        path.write_bytes(document(root))
    return list(written)


def write_packaged(warehouse: Warehouse, connection: sa.Connection, folder: Path, version: str) -> list[Path]:
    """Writes the workbook with an extract of the marts in it. Raises MissingPart where pantab isn't installed."""
    if find_spec("pantab") is None:
        raise MissingPart(f"{PACKAGED} needs pantab, which comes with pip install 'retail-pipeline[tableau]'")
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch:
        extract = Path(scratch, "retail.hyper")
        write_extract(connection, extract)
        path = folder / PACKAGED
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
            book = document(workbook(contents(connection), Hyper(), version))
            for name, data in ((LIVE, book), (EXTRACT, extract.read_bytes())):
                package.writestr(zipfile.ZipInfo(name, EPOCH), data, zipfile.ZIP_DEFLATED)
    return [path]


def contents(connection: sa.Connection) -> Contents:
    """What the workbook is made from: everything at its widest."""
    found = choices(connection)
    selection = select(found, None, None, None)
    shown = {name: answers(connection, dashboard, selection) for name, dashboard in dashboards().items()}
    return Contents(found, selection, shown)
