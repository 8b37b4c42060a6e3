"""What `retail backup`, `retail restore` and `retail prune` do, and what they say of it."""

from pathlib import Path

import click

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse
from retail_pipeline.warehouse.migrations import open_warehouse


def write_backup(output: Path) -> int:
    """Writes a backup; returns the exit status, 1 where a file that should be in it isn't."""
    from retail_pipeline.warehouse.backups.writing import back_up

    backup = back_up(Warehouse(Settings()), output)
    manifest = backup.manifest
    click.echo(
        f"{backup.path}: {manifest.tables['loads'].rows:,} loads, {manifest.tables['order_lines'].rows:,} order lines, "
        f"{len(manifest.files):,} files; {backup.path.stat().st_size / 1e6:,.1f} MB, read back and found whole"
    )
    for problem in manifest.problems:
        click.echo(f"retail: {problem}", err=True)
    return 1 if manifest.problems else 0


def restore_backup(path: Path, *, replace: bool) -> int:
    """Restores a backup and makes the marts anew; returns the exit status."""
    from retail_pipeline.warehouse.backups.restoring import restore

    settings = Settings()
    warehouse = Warehouse(settings)
    manifest = restore(warehouse, path, replace=replace)
    click.echo(
        f"Restored what was there on {manifest.made_at:%Y-%m-%d at %H:%M} UTC: "
        f"{manifest.tables['loads'].rows:,} loads, "
        f"{manifest.tables['order_lines'].rows:,} order lines, {len(manifest.files):,} files; all figures add up."
    )
    from retail_pipeline.defs.instance import know_loads, open_instance
    from retail_pipeline.ingestion import ingest_files

    with open_instance(settings) as instance:
        know_loads(instance, warehouse)
    return ingest_files(())


def prune_old(*, dry_run: bool) -> None:
    """Deletes what is older than the settings keep, or says what that would be."""
    from retail_pipeline.warehouse.pruning import prune

    with open_warehouse() as warehouse, warehouse.alone():
        pruned = prune(warehouse, dry_run=dry_run)
    click.echo(
        f"{'Would delete' if dry_run else 'Deleted'} {pruned.raw_lines:,} raw lines of "
        f"{pruned.loads_without_raw_lines:,} loads, {pruned.files:,} files ({pruned.file_bytes / 1e6:,.1f} MB) "
        f"and {pruned.check_results:,} results of checks."
    )
