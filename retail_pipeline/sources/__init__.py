"""Source profiles: what kinds of export there are, one YAML file each."""

from retail_pipeline.sources.catalogue import SourceCatalogue
from retail_pipeline.sources.profile import FURTHER_COLUMNS, RAW_COLUMNS, Layout, Lookup, Numbers, SourceProfile

__all__ = ["FURTHER_COLUMNS", "RAW_COLUMNS", "Layout", "Lookup", "Numbers", "SourceCatalogue", "SourceProfile"]
