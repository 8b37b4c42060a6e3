"""A tiny Tableau: computes what a worksheet shows from the workbook's XML and its tables alone."""

import re
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from retail_pipeline.dashboards.tableau.xml import USER

REFERENCE = re.compile(r"\[(federated\.[^\]]+|Parameters)\]\.(\[[^\]]+\])")


class Workbook:
    """A workbook with its tables, each a list of rows."""

    def __init__(self, root: ET.Element, tables: Mapping[str, Iterable[Mapping[str, Any]]]):
        self.root = root
        self.database = sqlite3.connect(":memory:")
        for name, rows in tables.items():
            self._load(name, list(rows))
        self.parameters = {
            column.get("name"): column.get("value").strip('"')
            for column in root.iterfind("datasources/datasource[@name='Parameters']/column")
        }

    def _load(self, name: str, rows: list[Mapping[str, Any]]) -> None:
        columns = list(rows[0])
        self.database.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
        marks = ", ".join("?" * len(columns))
        plain = ([str(v) if hasattr(v, "isoformat") else v for v in row.values()] for row in rows)
        self.database.executemany(f"INSERT INTO {name} VALUES ({marks})", plain)  # noqa: S608

    def choose(self, caption: str, value: str) -> None:
        """Sets a parameter, as a click on its control does; the value must be among those that it lists."""
        column = self.root.find(f"datasources/datasource[@name='Parameters']/column[@caption='{caption}']")
        assert f'"{value}"' in [member.get("value") for member in column.iter("member")]
        self.parameters[column.get("name")] = value

    def shown(self, worksheet: str) -> list[dict[str, Any]]:
        """What a worksheet shows: a row per mark, with its dimensions and measures by column."""
        sheet = self.root.find(f"worksheets/worksheet[@name='{worksheet}']")
        source = sheet.find("table/view/datasources/datasource").get("name")
        dependencies = sheet.find(f"table/view/datasource-dependencies[@datasource='{source}']")
        instances = {one.get("name"): one for one in dependencies.iterfind("column-instance")}
        formulas = {
            column.get("name"): column.find("calculation").get("formula")
            for column in dependencies.iterfind("column")
            if column.find("calculation") is not None
        }
        table = self.root.find(f"datasources/datasource[@name='{source}']/connection/relation").get("name")

        def sql(formula: str) -> str:
            text = re.sub(r'"([^"]*)"', r"'\1'", formula)
            text = re.sub(r"\[Parameters\]\.(\[[^\]]+\])", lambda found: f"'{self.parameters[found[1]]}'", text)
            text = re.sub(r"STR\(YEAR\(([^)]*)\)\)", r"strftime('%Y', \1)", text)
            text = re.sub(r"\bIF (.*?) THEN", r"CASE WHEN \1 THEN", text)
            return re.sub(r"\[([^\]]+)\]", r"\1", text)

        def column_sql(name: str) -> str:
            return f"({sql(formulas[name])})" if name in formulas else name.strip("[]")

        def instance_sql(instance: ET.Element) -> str:
            name, made = column_sql(instance.get("column")), instance.get("derivation")
            return {"Sum": f"SUM({name})", "Max": f"MAX({name})"}.get(made, name)

        shelves = [sheet.findtext("table/rows") or "", sheet.findtext("table/cols") or ""]
        shelves += [one.get("column") for one in sheet.iterfind("table/panes/pane/encodings/*")]
        used = [instances[name] for text in shelves for _, name in REFERENCE.findall(text) if name in instances]
        used = list({one.get("name"): one for one in used}.values())
        dimensions = [one for one in used if one.get("derivation") in ("None", "Month-Trunc")]
        chosen, others = [], []
        filters = sheet.findall("table/view/filter")
        for one in sorted(filters, key=lambda one: one.get("context") != "true"):
            instance = instances[REFERENCE.findall(one.get("column"))[0][1]]
            found = self._condition(one, column_sql(instance.get("column")), table, sql, chosen)
            (chosen if one.get("context") == "true" else others).append(found)
        select = ", ".join(f"{instance_sql(one)} AS '{one.get('column').strip('[]')}'" for one in used)
        grouped = ", ".join(instance_sql(one) for one in dimensions)
        query = f"SELECT {select} FROM {table} WHERE {' AND '.join(chosen + others)}"  # noqa: S608
        found = self.database.execute(query + (f" GROUP BY {grouped}" if grouped else ""))
        names = [description[0] for description in found.description]
        return [dict(zip(names, row, strict=True)) for row in found]

    @staticmethod
    def _condition(one: ET.Element, column: str, table: str, sql, before: list[str]) -> str:
        if one.get("class") == "quantitative":
            return f"{column} BETWEEN {one.findtext('min')} AND {one.findtext('max')}"
        group = one.find("groupfilter")
        if group.get("function") == "end":
            order = group.find("groupfilter")
            assert order.get(f"{{{USER}}}ui-marker") == "order"
            where = " AND ".join(before)
            direction = f"{sql(order.get('expression'))} {order.get('direction')}"
            best = f"SELECT {column} FROM {table} WHERE {where} GROUP BY {column}"  # noqa: S608
            return f"{column} IN ({best} ORDER BY {direction} LIMIT {group.get('count')})"
        members = [leaf.get("member") for leaf in group.iter("groupfilter") if leaf.get("member")]
        if members == ["true"]:
            return column
        wanted = ", ".join("'" + member.strip('"') + "'" for member in members)
        return f"{column} IN ({wanted})"
