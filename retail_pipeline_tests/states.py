"""Warehouses in the states that many tests begin with: each is made once in a process, and copied from then on."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from retail_pipeline.warehouse import Warehouse
from retail_pipeline_tests import servers


class States:
    """What is kept of the states of warehouses on one database: in a folder, and in further databases of its server."""

    def __init__(self, folder: Path, databases: ExitStack):
        self._folder = folder
        self._databases = databases
        self._kept: dict[str, tuple[Path, str, Any]] = {}

    def bring(self, warehouse: Warehouse, make: Callable[[Warehouse], Any]) -> Any:
        """Brings a warehouse into the state in which `make` leaves it, told by its name; returns what that returned."""
        name = f"{make.__module__}.{make.__qualname__}"
        if name not in self._kept:
            result = make(warehouse)
            self._kept[name] = (*self._keep(warehouse), result)
            return result
        files, database, result = self._kept[name]
        warehouse.dispose()
        if warehouse.is_sqlite:
            Path(warehouse.url.database).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(database, warehouse.url.database)
        else:
            servers.copy_tables(database, warehouse.url)
        shutil.copytree(files, warehouse.landing_folder, dirs_exist_ok=True)
        return result

    def _keep(self, warehouse: Warehouse) -> tuple[Path, str]:
        """Keeps the files in the landing store, and the database: its path, or its name."""
        place = self._folder / str(len(self._kept))
        files = place / "landing"
        files.mkdir(parents=True)
        if warehouse.landing_folder.is_dir():
            shutil.copytree(warehouse.landing_folder, files, dirs_exist_ok=True)
        if warehouse.is_sqlite:
            database = str(place / "retail.db")
            with closing(sqlite3.connect(warehouse.url.database)) as own, closing(sqlite3.connect(database)) as kept:
                own.backup(kept)  # a copy of the file would lack what is still in the log beside it
            return files, database
        server = warehouse.url.set(database="").render_as_string(hide_password=False)
        url = make_url(self._databases.enter_context(servers.database_url(server, "retail_kept")))
        servers.copy_tables(warehouse.url.database, url)
        return files, url.database
