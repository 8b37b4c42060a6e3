"""The names of locks."""

from itertools import product

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse


def test_locks_have_names_of_their_own_however_long_the_databases_name_is():
    databases, locks = ["d" * 20, "d" * 64, "d" * 63 + "e"], ["run", "tables", "mart_product_customers"]
    names = {
        Warehouse(Settings(database_url=f"mysql://u@h/{database}"))._lock_name(lock)
        for database, lock in product(databases, locks)
    }
    assert len(names) == len(databases) * len(locks)
    assert max(map(len, names)) <= 64
