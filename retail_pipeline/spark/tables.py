"""The tables that queries read in Spark: lines and marts out of the store, the rest out of the database."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import sqlalchemy as sa
import sqlglot

from retail_pipeline.errors import BadInput, few_of
from retail_pipeline.marts.catalogue import marts, sql_schema
from retail_pipeline.spark.reading import SCHEMAS
from retail_pipeline.spark.session import session_of
from retail_pipeline.spark.store import Store, load_folder, mart_folder, superseded_folder
from retail_pipeline.warehouse import Warehouse, ledger, mart_states
from retail_pipeline.warehouse.dialect import translate
from retail_pipeline.warehouse.streaming import batches_on, schema
from retail_pipeline.warehouse.tables import countries, loads, order_lines, raw_order_lines, superseded_lines

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ALL_LINES = "all_lines"
"""What SCHEMAS has of order_lines: the typed lines of all loads, whether they count or not."""

Loads = Sequence[Mapping[str, Any]]
"""Rows of the ledger."""


_shown: dict[str, object] = {}
"""What the views of the process's session show, by name."""


class Tables:
    """The temporary views that queries read, each made again where what it shows has changed."""

    def __init__(self, warehouse: Warehouse):
        self.warehouse, self.store = warehouse, Store(warehouse.settings.spark_url)

    @cached_property
    def session(self) -> "SparkSession":
        return session_of(self.warehouse.settings)

    def show(self) -> None:
        """Shows the state that the ledger tells of. Raises BadInput where a load of it isn't in the store."""
        with self.warehouse.snapshot() as connection:
            loaded, states = ledger.loaded(connection), mart_states.states(connection)
            for table in (loads, countries):
                query = sa.select(table)
                found = pa.Table.from_batches(batches_on(connection, query), schema(query))
                self._show(table.name, found, lambda found=found: self.session.createDataFrame(found))
        if missing := self.missing(loaded):
            raise BadInput(
                f"{few_of(missing)}: loaded by the database, and not by Spark. "
                f"`retail loads reload {missing[0]}` has Spark read all of them"
            )
        self._show_lines(loaded)
        folder = superseded_folder(loaded)
        self._show(superseded_lines.name, folder, lambda: self._settled(loaded))
        columns = [column.name for column in order_lines.columns]
        self._show(order_lines.name, folder, lambda: self.query("order_lines").select(*columns))
        for mart in marts().keys() & states.keys():
            folder = mart_folder(mart, states[mart].refreshed_at)
            if self.store.is_written(folder):
                self._show(mart, folder, lambda folder=folder: self._read(folder))

    def settle(self, loaded: Loads) -> dict[str, tuple[int, Decimal]]:
        """Which lines of these loads don't count if there are no others: their number and amount by load.

        Leaves them in the store, where they count as soon as the ledger says that these loads do.
        """
        self._show_lines(loaded)
        rows = [{"load_id": load["load_id"], "landing_no": load["landing_no"]} for load in loaded]
        landings = pa.Table.from_pylist(rows, pa.schema([("load_id", pa.string()), ("landing_no", pa.int64())]))
        self._show(loads.name, landings, lambda: self.session.createDataFrame(landings))
        self._settled(loaded).createOrReplaceTempView("gone")
        figures = self.session.sql("SELECT load_id, COUNT(*), SUM(amount) FROM gone GROUP BY load_id")
        return {load_id: (rows, amount) for load_id, rows, amount in figures.collect()}

    def repeated(self, loaded: Loads) -> dict[str, int]:
        """How many lines of each load repeat an earlier line of it; none where a load isn't named."""
        self._show_lines(loaded)
        return dict(self.query("repeated_rows").collect())

    def missing(self, loaded: Loads) -> list[str]:
        """Loads of which the store has nothing."""
        folders = {
            load_folder(order_lines.name, load["load_id"], load["loaded_at"]): load["load_id"] for load in loaded
        }
        return [folders[folder] for folder in self.store.missing(folders)]

    def query(self, name: str) -> "DataFrame":
        """What a .sql file of this room finds."""
        text = Path(__file__).with_name(f"{name}.sql").read_text(encoding="utf-8")
        return self.session.sql(translate(sqlglot.parse_one(text, read="mysql"), "spark", sql_schema()))

    def _show(self, name: str, state: object, frame: "Callable[[], DataFrame]") -> None:
        state = (self.store.url(""), state)
        if name not in _shown or _shown[name] != state:
            frame().createOrReplaceTempView(name)
            _shown[name] = state

    def _show_lines(self, loaded: Loads) -> None:
        for table, columns in SCHEMAS.items():
            kept = [load for load in loaded if table != raw_order_lines.name or not load.get("raw_pruned_at")]
            folders = [load_folder(table, load["load_id"], load["loaded_at"]) for load in kept]
            name = ALL_LINES if table == order_lines.name else table
            self._show(name, folders, lambda folders=folders, columns=columns: self._rows(folders, columns))

    def _settled(self, loaded: Loads) -> "DataFrame":
        """The lines that don't count, computed from what is shown unless they are in the store."""
        folder = superseded_folder(loaded)
        if not self.store.is_written(folder):
            columns = [column.name for column in superseded_lines.columns]
            self.query("superseded_lines").select(*columns).write.mode("overwrite").parquet(self.store.url(folder))
        return self._read(folder)

    def _rows(self, folders: Iterable[str], columns: pa.Schema) -> "DataFrame":
        urls = [self.store.url(folder) for folder in folders]
        if not urls:
            return self.session.createDataFrame(columns.empty_table())
        return self.session.read.parquet(*urls)

    def _read(self, folder: str) -> "DataFrame":
        return self.session.read.parquet(self.store.url(folder))
