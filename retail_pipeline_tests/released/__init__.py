"""Databases as released versions left them: for each revision of the tables a dump, made by the code of its time.

That code had ingested december.csv, january.csv (which corrects an invoice of December) and wrong_prices.csv, reverted
the last one, landed february.csv without loading it and, from 0002 on, made two keys and revoked one; from 0004 on a
row of December was corrected by corrected_in_0004.csv as well. Left out of the dumps are the rows of `countries` and
most of `check_results`.
"""

import lzma
import shutil
import sqlite3
from pathlib import Path

import pymysql
from pymysql.constants import CLIENT

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse

FOLDER = Path(__file__).parent
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
EXPORTS = [FOLDER / f"{name}.csv" for name in ("december", "january", "wrong_prices", "february")]
CORRECTED = FOLDER / "corrected_in_0004.csv"


def restore_dump(revision: str) -> Warehouse:
    """The warehouse of the settings, as the code of a revision left it, with its landing store."""
    warehouse = Warehouse(Settings())
    kind = "sqlite" if warehouse.is_sqlite else "mysql"
    script = lzma.decompress((FOLDER / f"{revision}.{kind}.sql.xz").read_bytes()).decode()
    url = warehouse.url
    if warehouse.is_sqlite:
        warehouse.settings.resolved_home.mkdir(parents=True)
        with sqlite3.connect(url.database) as database:
            database.executescript(script)
        database.close()
    else:
        address = {"host": url.host, "port": url.port, "user": url.username, "password": url.password or ""}
        with pymysql.connect(**address, database=url.database, client_flag=CLIENT.MULTI_STATEMENTS) as server:
            cursor = server.cursor()
            cursor.execute(script)
            while cursor.nextset():
                pass
            server.commit()
    with warehouse.reading() as connection:
        columns = "load_id, file_name"
        entries = connection.exec_driver_sql(f"SELECT {columns} FROM loads").all()  # noqa: S608
    for load_id, file_name in entries:
        folder = warehouse.landing_folder / load_id
        folder.mkdir(parents=True)
        shutil.copy(FOLDER / file_name, folder)
    return warehouse
