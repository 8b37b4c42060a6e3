"""The Dagster graph: thin wiring of what the other rooms do."""
