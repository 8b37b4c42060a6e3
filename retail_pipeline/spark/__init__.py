"""The same work on Apache Spark, for when one machine is too small: lines and marts as Parquet, the ledger as ever."""
