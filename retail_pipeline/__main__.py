"""`python -m retail_pipeline` is the `retail` command."""

from retail_pipeline.cli import main

main(prog_name="retail")
