"""How the warehouse's tables are made and upgraded; `versions` holds one file per step."""

from retail_pipeline.warehouse.migrations.upgrade import (
    UNFINISHED_RESTORE,
    ensure_current,
    is_known,
    migrate,
    missing_upgrade,
    revision_of,
    upgrade,
)

__all__ = [
    "UNFINISHED_RESTORE",
    "ensure_current",
    "is_known",
    "migrate",
    "missing_upgrade",
    "revision_of",
    "upgrade",
]
