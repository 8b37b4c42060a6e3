"""Rows that are read many at a time are those that PyMySQL reads one by one."""

import pytest
import sqlalchemy as sa
from pymysql.cursors import SSCursor

from retail_pipeline.warehouse.bulk_reading import texts

pytestmark = [pytest.mark.database, pytest.mark.mysql]

LENGTHS = (0, 1, 249, 250, 251, 252, 253, 4000, 8187, 8188, 8192, 65_535, 65_536, 70_000)
"""Around where a text's length is written in another way, and where it no longer fits into a buffer."""


@pytest.mark.parametrize("database_url", ["mysql"], indirect=True)
@pytest.mark.parametrize("times", [0, 1, 40])
def test_texts_of_any_length_come_as_they_are_and_the_connection_goes_on(warehouse, times):
    wanted = [f"{number}é{'x' * length}" for number in range(times) for length in LENGTHS]
    with warehouse.writing() as connection:
        connection.exec_driver_sql("CREATE TEMPORARY TABLE long_texts (no INT, said MEDIUMTEXT)")
        if wanted:
            connection.exec_driver_sql("INSERT INTO long_texts VALUES (%s, %s)", list(enumerate(wanted)))
        with connection.connection.cursor(SSCursor) as cursor:
            cursor.execute("SELECT said FROM long_texts ORDER BY no")
            found = list(texts(cursor, at_least=100))
        assert [text.decode() for part in found for text in part] == wanted
        assert all(len(part) >= 100 for part in found[:-1])
        assert connection.scalar(sa.text("SELECT COUNT(*) FROM long_texts")) == len(wanted)


@pytest.mark.parametrize("database_url", ["mysql"], indirect=True)
def test_an_error_in_the_middle_is_told(warehouse):
    with warehouse.reading() as connection, connection.connection.cursor(SSCursor) as cursor:
        cursor.execute(
            "SELECT 'a' UNION ALL SELECT (SELECT 'b' UNION ALL SELECT table_name FROM information_schema.tables)"
        )
        with pytest.raises(Exception, match="more than 1 row"):
            list(texts(cursor, at_least=100))
