"""How the warehouse's tables are made and upgraded; `versions` holds one file per step."""

from retail_pipeline.warehouse.migrations.upgrade import ensure_current, missing_upgrade, upgrade

__all__ = ["ensure_current", "missing_upgrade", "upgrade"]
