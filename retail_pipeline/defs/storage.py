"""Dagster's own storage in MySQL or MariaDB, as dagster.yaml names it, and its way to this version of Dagster."""

from pathlib import Path

import dagster as dg
import sqlalchemy as sa
from dagster_mysql import DagsterMySQLStorage
from dagster_mysql.utils import mysql_isolation_level

from retail_pipeline.warehouse.long_texts import hold_long_texts

MOST_CONNECTIONS = 25
"""Of a process; Dagster's daemon has a thread for each thing that it looks after."""


class PooledMySQLStorage(DagsterMySQLStorage):
    """Dagster's storage in MySQL, which keeps its connections, and takes any password.

    Dagster opens one for each question and each event, thousands in a run; with TLS, which MySQL's servers offer by
    themselves, that costs 60 ms of work each time.
    """

    def __init__(self, mysql_url: str, inst_data: object = None):
        super().__init__(mysql_url, inst_data)
        pooled = sa.create_engine(
            mysql_url,
            isolation_level=mysql_isolation_level(),
            pool_pre_ping=True,  # the server may have been restarted
            max_overflow=MOST_CONNECTIONS - 5,
        )
        for part in (self._run_storage, self._event_log_storage, self._schedule_storage):
            part._engine = pooled

    @classmethod
    def from_config_value(cls, inst_data: object, config_value: dict) -> "PooledMySQLStorage":
        reached = config_value["mysql_db"]
        url = sa.URL.create(
            "mysql+mysqlconnector",
            username=reached["username"],
            password=reached["password"],
            host=reached["hostname"],
            port=reached["port"],
            database=reached["db_name"],
        )
        return cls(url.render_as_string(hide_password=False), inst_data)


def upgrade_storage(home: Path) -> None:
    """Makes or upgrades the tables of the instance whose dagster.yaml lies in a folder.

    What Dagster notes of an automation condition on twenty assets is more than a TEXT of MySQL's holds (dagster #31552,
    #33229 are about others of its columns), and the daemon then automates nothing any more.
    """
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.upgrade()
        assert instance.schedule_storage
        with instance.schedule_storage.connect() as connection:  # all three storages are one database
            hold_long_texts(connection)
