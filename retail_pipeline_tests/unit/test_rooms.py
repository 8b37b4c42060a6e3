"""Each room of the house knows only those below it."""

import ast
import re
from pathlib import Path

import pytest

import retail_pipeline

HOUSE = Path(retail_pipeline.__file__).parent

BELOW = {
    "errors": set(),
    "redaction": set(),
    "yaml_files": {"errors"},
    "file_locks": {"errors"},
    "settings": {"errors", "redaction"},
    "logs": {"redaction", "settings"},
    "sources": {"errors", "yaml_files", "settings"},
    "intake": {"errors", "settings", "sources"},
    "warehouse": {"errors", "yaml_files", "file_locks", "settings", "sources", "intake"},
    "marts": {"errors", "yaml_files", "settings", "sources", "intake", "warehouse"},
    "quality": {"errors", "yaml_files", "redaction", "settings", "sources", "intake", "warehouse", "marts"},
    "spark": {"errors", "settings", "sources", "intake", "warehouse", "marts", "quality"},
    "engines": {"errors", "sources", "warehouse", "marts", "quality", "spark"},
    "dashboards": {"errors", "yaml_files", "settings", "sources", "intake", "warehouse", "marts"},
    "alerts": {"errors", "file_locks", "redaction", "settings"},
    "defs": {
        *("errors", "logs", "redaction", "settings", "sources", "intake", "warehouse", "marts", "quality"),
        *("dashboards", "alerts", "engines", "file_locks"),
    },
}
"""What each room may import besides itself. The command line, the demonstration and the API may import all."""

RUNNING = {HOUSE / "defs" / "runs.py", HOUSE / "defs" / "warm.py"}
"""They run, or make ready, the graph that the others make up."""


def imports(path: Path) -> set[str]:
    """The rooms of retail_pipeline that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("retail_pipeline.")}
    return found


@pytest.mark.parametrize("room", BELOW)
def test_a_room_imports_only_rooms_below_it(room):
    files = [HOUSE / f"{room}.py"] if (HOUSE / f"{room}.py").exists() else list((HOUSE / room).rglob("*.py"))
    assert files
    for path in files:
        allowed = BELOW[room] | {room}
        if path in RUNNING:
            allowed |= {"definitions"}
        assert imports(path) <= allowed, path


ASK_WHETHER_IT_IS_A_FILE = {
    "quality/great_expectations_bridge.py",  # which has connections of its own
    "quality/tester.py",  # a second process is of no use there
    "spark/refreshing.py",  # executors elsewhere can't write it
    "dashboards/tableau/files.py",  # nor can Tableau read it
    "defs/dashboards.py",
}
"""What knows of a database whether it is SQLite's file or a server, and nothing else of it."""


def test_only_the_warehouse_knows_which_database_it_is():
    for path in HOUSE.rglob("*.py"):
        name = path.relative_to(HOUSE).as_posix()
        if name.startswith(("warehouse/", "settings.py", "defs/local_storage.py")):  # the last is Dagster's own
            continue
        text = path.read_text(encoding="utf-8")
        assert "dialect.name" not in text, path
        assert bool(re.search(r"is_sqlite|[\"']sqlite", text)) == (name in ASK_WHETHER_IT_IS_A_FILE), path


def test_only_the_room_for_it_imports_spark():
    for path in [*HOUSE.rglob("*.py"), *(HOUSE.parent / "api").rglob("*.py")]:
        imported = {
            name.partition(".")[0]
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert "pyspark" not in imported or path.parent == HOUSE / "spark", path


def test_every_module_opens_with_a_sentence_on_what_lives_there():
    for path in HOUSE.rglob("*.py"):
        opening = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[0]
        assert opening.endswith((".", ":")), path
