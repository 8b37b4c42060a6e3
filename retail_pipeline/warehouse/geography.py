"""What countries are called and where they lie: ISO 3166 from pycountry, the rest from our YAML files."""

from functools import cache
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase

import pycountry
import sqlalchemy as sa

from retail_pipeline.warehouse.tables import countries
from retail_pipeline.yaml_files import read_yaml

FOLDER = Path(__file__).parent

ASCII_UPPER = str.maketrans(ascii_lowercase, ascii_uppercase)
"""What SQLite's UPPER does: it leaves the ô of Côte d'Ivoire small, where MySQL's doesn't; both find a label."""


@cache
def country_rows() -> list[dict[str, str | None]]:
    """The rows of the table `countries`: one per label, in upper case."""
    regions = {iso2: region for region, members in read_yaml(FOLDER / "regions.yaml").items() for iso2 in members}
    labels = read_yaml(FOLDER / "country_labels.yaml")
    rows: dict[str, dict[str, str | None]] = {}
    for country in pycountry.countries:
        place = {
            "country_name": getattr(country, "common_name", country.name),
            "iso2": country.alpha_2,
            "iso3": country.alpha_3,
            "iso_numeric": country.numeric,
            "region": regions[country.alpha_2],
        }
        names = (
            country.name,
            place["country_name"],
            getattr(country, "official_name", None),
            place["iso2"],
            place["iso3"],
        )
        also = (label for label, iso2 in labels["countries"].items() if iso2 == country.alpha_2)
        for name in filter(None, (*names, *also)):
            for label in (name.upper(), name.translate(ASCII_UPPER)):
                rows[label] = {"label": label} | place
    nowhere = dict.fromkeys(("country_name", "iso2", "iso3", "iso_numeric"))
    for label, region in labels["regions"].items():
        rows[label] = {"label": label, "region": region} | nowhere
    return list(rows.values())


def seed_countries(connection: sa.Connection) -> None:
    """Replaces the table `countries` with what this version knows."""
    connection.execute(sa.delete(countries))
    connection.execute(sa.insert(countries), country_rows())
