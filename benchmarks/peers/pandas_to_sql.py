"""pandas: read_csv and to_sql, as most begin; numbers as doubles, dates as text, without a key."""

import sys

import pandas as pd
import sqlalchemy as sa

file, url = sys.argv[1:]
engine = sa.create_engine(url)
for number, chunk in enumerate(pd.read_csv(file, encoding="cp1252", chunksize=50_000)):
    chunk.to_sql("lines", engine, if_exists="append" if number else "replace", index=False)
