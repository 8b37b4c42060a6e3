"""A Spark of two worker processes that share nothing but files, and two warehouses that should come to the same."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from retail_pipeline.engines import Engine, engine_of
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse
from retail_pipeline.warehouse.migrations.upgrade import upgrade

MASTER = "local-cluster[2,1,1024]"
"""A master and two workers of one processor and one GiB each: code and data travel as they would between machines."""

DEFAULTS = """
spark.sql.shuffle.partitions 2
spark.sql.codegen.wholeStage false
"""
"""For data this small, compiling a query takes longer than running it."""


@pytest.fixture(scope="session")
def _cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    pytest.importorskip("pyspark", reason="PySpark isn't installed: `make test-spark` installs it and runs these")
    if not shutil.which("java") and "JAVA_HOME" not in os.environ:
        pytest.skip("Spark needs Java, from version 17 on")
    with pytest.MonkeyPatch.context() as patch:
        configuration = tmp_path_factory.mktemp("spark")
        (configuration / "spark-defaults.conf").write_text(DEFAULTS, encoding="utf-8")
        patch.setenv("SPARK_CONF_DIR", str(configuration))
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        yield


@pytest.fixture
def on_spark(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, _cluster: None) -> Warehouse:
    """An empty warehouse whose settings name Spark, on each database."""
    monkeypatch.setenv("RETAIL_ENGINE", "spark")
    monkeypatch.setenv("RETAIL_SPARK_MASTER", MASTER)
    return Warehouse(Settings())


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Warehouse]:
    """An empty warehouse on SQLite, in which the database itself does the work."""
    with Warehouse(Settings(home=tmp_path / "twin", database_url="", engine="database")) as twin:
        upgrade(twin)
        yield twin


@pytest.fixture
def engines(on_spark: Warehouse, twin: Warehouse) -> dict[Warehouse, Engine]:
    """Both warehouses with their engines."""
    return {warehouse: engine_of(warehouse) for warehouse in (on_spark, twin)}
