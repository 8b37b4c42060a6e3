"""A data source for each mart: its connection, its columns, and the calculated fields that filters need."""

from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from retail_pipeline.dashboards.description import caption
from retail_pipeline.dashboards.tableau.fields import DOUBLE, TYPES, Field, FieldType, fields
from retail_pipeline.dashboards.tableau.xml import element, hex_id, text
from retail_pipeline.marts.catalogue import marts

READER = "tableau"
"""The database's user who may only read; Tableau asks for the password, which is written nowhere."""

EXTRACT = "Data/Extracts/retail.hyper"
"""Where a packaged workbook keeps its extract."""


@dataclass(frozen=True)
class MySQL:
    """A live connection to the marts."""

    host: str
    port: int
    database: str

    def attributes(self) -> dict[str, str]:
        """What the connection's element says."""
        return {
            "class_": "mysql",
            "dbname": self.database,
            "odbc_native_protocol": "yes",
            "one_time_sql": "",
            "port": str(self.port),
            "server": self.host,
            "source_charset": "",
            "username": READER,
        }

    def table(self, mart: str) -> str:
        """A mart as relations name it; the database is in the connection."""
        return f"[{mart}]"

    def remote_type(self, kind: FieldType) -> str:
        """The code of a column's type in the database."""
        return kind.remote_type


@dataclass(frozen=True)
class Hyper:
    """The extract in a packaged workbook."""

    def attributes(self) -> dict[str, str]:
        """What the connection's element says."""
        return {
            "authentication": "auth-none",
            "author_locale": "en_US",
            "class_": "hyper",
            "dbname": EXTRACT,
            "default_settings": "yes",
            "schema": "public",
            "tablename": "Extract",
        }

    def table(self, mart: str) -> str:
        """A mart as relations name it."""
        return f"[public].[{mart}]"

    def remote_type(self, kind: FieldType) -> str:
        """The code of a column's type in the extract, where decimals are doubles."""
        return DOUBLE if kind.local_type == "real" else kind.remote_type


Connection = MySQL | Hyper


@dataclass(frozen=True)
class DataSource:
    """A mart in Tableau, by a connection, with further fields that formulas calculate."""

    mart: str
    connection: Connection
    version: str
    currency: str | None
    calculated: dict[str, Field] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What sheets call it."""
        return f"federated.{hex_id('datasource', self.mart, digits=28)}"

    @property
    def caption(self) -> str:
        """What people call it."""
        return caption(self.mart.removeprefix("mart_"))

    @property
    def fields(self) -> dict[str, Field]:
        """All fields by name."""
        return fields(self.mart, self.currency) | self.calculated

    def element(self, tag_name: str = "name") -> ET.Element:
        """The data source, for a workbook or, with the name under `formatted-name`, as a file of its own."""
        object_id = f"{self.mart}_{hex_id('object', self.mart).upper()}"
        calculated_after = sorted(self.fields.values(), key=lambda one: bool(one.formula))
        return element(
            "datasource",
            self._connected(object_id),
            element("aliases", enabled="yes"),
            *(one.element for one in calculated_after),
            element(
                "column",
                caption=self.caption,
                datatype="table",
                name=f"[__tableau_internal_object_id__].[{object_id}]",
                role="measure",
                type="quantitative",
            ),
            element("layout", dim_ordering="alphabetic", measure_ordering="alphabetic", show_structure="true"),
            element(
                "object-graph",
                element(
                    "objects",
                    element(
                        "object",
                        element("properties", self._relation(), context=""),
                        caption=self.caption,
                        id=object_id,
                    ),
                ),
            ),
            **({"caption": self.caption} if tag_name == "name" else {}),
            inline="true",
            **{tag_name: self.name},
            version=self.version,
        )

    @property
    def _connection_name(self) -> str:
        kind = self.connection.attributes()["class_"]
        return f"{kind}.{hex_id('connection', kind, self.mart, digits=28)}"

    def _relation(self) -> ET.Element:
        table = self.connection.table(self.mart)
        return element("relation", connection=self._connection_name, name=self.mart, table=table, type="table")

    def _connected(self, object_id: str) -> ET.Element:
        shown = self.connection.host if isinstance(self.connection, MySQL) else "retail"
        named = element(
            "named-connection",
            element("connection", **self.connection.attributes()),
            caption=shown,
            name=self._connection_name,
        )
        records = (self._record(name, place, object_id) for place, name in enumerate(marts()[self.mart].columns, 1))
        return element(
            "connection",
            element("named-connections", named),
            self._relation(),
            element("metadata-records", *records),
            class_="federated",
        )

    def _record(self, name: str, place: int, object_id: str) -> ET.Element:
        column = marts()[self.mart].columns[name]
        kind = TYPES[column.type]
        told = {
            "remote-name": name,
            "remote-type": self.connection.remote_type(kind),
            "local-name": f"[{name}]",
            "parent-name": f"[{self.mart}]",
            "remote-alias": name,
            "ordinal": str(place),
            "local-type": kind.local_type,
            "aggregation": kind.aggregation,
            "contains-null": str(column.nullable).lower(),
            "object-id": f"[{object_id}]",
        }
        return element("metadata-record", *(text(tag, content) for tag, content in told.items()), class_="column")
