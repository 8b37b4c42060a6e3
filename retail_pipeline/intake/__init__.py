"""From a file to typed order lines and rejects: pure, without a database and without Dagster."""
