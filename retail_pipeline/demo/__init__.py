"""A made-up shop, for trying the pipeline without an export of one's own."""

FILE_NAME = "sample_export.csv"
