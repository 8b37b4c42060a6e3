"""What `retail sources check` and `retail sources infer` do: try a file out, without a database."""

from pathlib import Path

import click

from retail_pipeline.intake.dry_run import Outcome, dry_run
from retail_pipeline.intake.inference import propose
from retail_pipeline.intake.recognition import recognise
from retail_pipeline.settings import Settings
from retail_pipeline.sources import SourceCatalogue, SourceProfile
from retail_pipeline.sources.profile import read_profile


def check_file(path: Path, source: str | None) -> None:
    """Says what `retail ingest` would do with a file. `source` is a source's name, or a file with a profile."""
    settings = Settings()
    sources = SourceCatalogue(settings.sources_folder)
    if source is None:
        profile = recognise(path, sources)
    elif source.endswith(".yaml"):
        profile = read_profile(Path(source), sources.shipped)
    else:
        profile = sources.get(source)
    click.echo("\n".join(_told(path, profile, dry_run(path, profile, settings.batch_rows))))


def infer_profile(path: Path) -> None:
    """Prints a profile for a file of an unknown kind."""
    click.echo(propose(path), nl=False)


def _told(path: Path, profile: SourceProfile, outcome: Outcome) -> list[str]:
    figures = outcome.figures
    first, last = figures.first_invoice_date or "–", figures.last_invoice_date or "–"
    share = figures.rows_quarantined / figures.rows_read if figures.rows_read else 0
    said = [
        f"{path.name}: source {profile.name}, {outcome.encoding}; nothing was loaded, this is a dry run.",
        "",
        f"Rows read       {figures.rows_read:>12,}",
        f"  would load    {figures.rows_loaded:>12,}   {figures.amount_loaded:>16,.2f} {profile.currency}"
        f"   {first} to {last}",
        *(
            f"    {kind:<15}{count:>9,}   {outcome.amount_by_kind[kind]:>16,.2f}"
            for kind, count in outcome.rows_by_kind.most_common()
        ),
        f"  quarantined   {figures.rows_quarantined:>12,}   {figures.amount_quarantined:>16,.2f}"
        f"   {share:.2%} of the rows",
    ]
    for code, reason in sorted(outcome.reasons.items(), key=lambda item: -item[1].rows):
        said.append(f"    {code.replace('_', ' '):<40}{reason.rows:>9,}")
        said += [f"        line {line:,}{': ' + text if text else ''}" for line, text in reason.examples]
    return said
