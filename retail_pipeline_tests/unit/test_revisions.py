"""The revisions of the tables, as told without Alembic."""

import subprocess
import sys
from pathlib import Path

from alembic.script import ScriptDirectory

import retail_pipeline.warehouse.migrations
from retail_pipeline.warehouse.migrations.revisions import HEAD, KNOWN

FOLDER = Path(retail_pipeline.warehouse.migrations.__file__).parent


def test_the_revisions_that_are_known_are_those_that_alembic_goes_through():
    chain = ScriptDirectory(str(FOLDER))
    assert [script.revision for script in chain.walk_revisions()][::-1] == KNOWN
    assert chain.get_current_head() == HEAD


def test_a_command_that_finds_its_tables_waits_for_no_import_of_alembic_or_openpyxl():
    program = "import sys, retail_pipeline.ingestion; print({'alembic', 'openpyxl'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
