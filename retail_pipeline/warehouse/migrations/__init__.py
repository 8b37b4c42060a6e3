"""How the warehouse's tables are made and upgraded; `versions` holds one file per step."""

from retail_pipeline.warehouse.migrations.revisions import (
    HEAD,
    UNFINISHED_RESTORE,
    ensure_current,
    is_known,
    missing_upgrade,
    open_warehouse,
    revision_of,
)

__all__ = [
    "HEAD",
    "UNFINISHED_RESTORE",
    "ensure_current",
    "is_known",
    "missing_upgrade",
    "open_warehouse",
    "revision_of",
]
