"""What a reader must know of the machine to make something of absolute figures."""

import os
import platform
import sqlite3

import sqlalchemy as sa


def facts(server: str) -> dict[str, str]:
    """The machine, what else it is doing, and the versions of Python and of the database."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "machine": f"{platform.system()} {platform.machine()}, {cores} cores, {memory:.0f} GiB memory",
        "load average when it began": f"{os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
        "database": _database(server),
    }


def _database(server: str) -> str:
    if not server:
        return f"SQLite {sqlite3.sqlite_version}"
    engine = sa.create_engine(server, poolclass=sa.NullPool)
    with engine.connect() as connection:
        version = connection.scalar(sa.text("SELECT VERSION()"))
    return version if "MariaDB" in version else f"MySQL {version}"
