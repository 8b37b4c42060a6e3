"""Source profiles: what kinds of export there are, one YAML file each."""

from retail_pipeline.sources.catalogue import SourceCatalogue
from retail_pipeline.sources.profile import RAW_COLUMNS, SourceProfile

__all__ = ["RAW_COLUMNS", "SourceCatalogue", "SourceProfile"]
