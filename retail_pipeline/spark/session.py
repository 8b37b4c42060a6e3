"""The session with Spark: what correct results ask of it, and the code that travels to its machines."""

import atexit
import os
import shutil
import sys
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import retail_pipeline
from retail_pipeline.errors import BadInput, Unusable
from retail_pipeline.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def session_of(settings: Settings) -> "SparkSession":
    """The process's session, which is Great Expectations' as well. To start Spark takes seconds."""
    try:
        import pyspark  # noqa: F401
    except ImportError:
        raise BadInput("RETAIL_ENGINE=spark needs PySpark: pip install 'retail-pipeline[spark]'") from None
    return _started(settings.spark_master, settings.unpacked_mb)


@cache
def _started(master: str, unpacked_mb: int) -> "SparkSession":
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)
    if master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")  # nobody else has to reach it
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    wanted = {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.timestampType": "TIMESTAMP_NTZ",  # the shop's clock, whatever the machine's
        "spark.sql.ansi.enabled": "true",  # a number that doesn't fit is an error and not NULL
        "spark.executorEnv.RETAIL_UNPACKED_MB": str(unpacked_mb),
        "spark.ui.enabled": "false",  # it would listen, and ask nobody for a password
        "spark.ui.showConsoleProgress": "false",
    }
    builder = SparkSession.builder.master(master).appName("retail")
    for name, value in wanted.items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except PySparkException as error:
        raise Unusable(f"Spark can't be started on {master}: {error}") from error
    atexit.register(session.stop)  # else executors are started again and again while this process ends
    session.sparkContext.setLogLevel("ERROR")
    session.sparkContext.addPyFile(_packed())
    return session


def _packed() -> str:
    """This package as a zip, so that executors run the same code, whatever is installed there."""
    package = Path(retail_pipeline.__file__).parent
    folder = tempfile.mkdtemp(prefix="retail-")
    return shutil.make_archive(f"{folder}/retail_pipeline", "zip", package.parent, package.name)
