"""dlt: a pipeline from Arrow tables, its fastest way, to its destination `sqlalchemy`."""

import sys

import dlt
import pyarrow.csv

file, url = sys.argv[1:]
reading = pyarrow.csv.ReadOptions(encoding="cp1252")
parsing = pyarrow.csv.ParseOptions(invalid_row_handler=lambda row: "skip")  # those of a made-up export
lines = pyarrow.csv.read_csv(file, reading, parsing)
# On SQLite, a dataset of any other name is a file of its own.
dataset = "main" if url.startswith("sqlite:") else url.rpartition("/")[2]
pipeline = dlt.pipeline("bench", destination=dlt.destinations.sqlalchemy(url), dataset_name=dataset)
pipeline.run(lines, table_name="lines", write_disposition="replace")
