"""Tables, transactions and bulk loading: the only place that knows which database it is."""

from retail_pipeline.warehouse.connection import Warehouse

__all__ = ["Warehouse"]
