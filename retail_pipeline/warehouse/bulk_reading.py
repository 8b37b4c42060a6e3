"""Reading a result of one text column from PyMySQL many rows at a time.

PyMySQL makes a packet, a decoded text and a tuple of each row, which takes it five times as long as the server takes to
send it. Here the rows that lie whole in the connection's buffer are cut out of it at once; whatever else comes (a row
in two pieces, a very long one, an error, the end) is left to PyMySQL, whose state stays as if it had read all of them.
"""

from collections.abc import Iterator
from contextlib import suppress

from pymysql.connections import Connection
from pymysql.cursors import SSCursor

HEADER_BYTES = 4
ONE_BYTE_LENGTHS = 250
TWO_BYTE_LENGTH = 252
"""How a text's length is written before it:
https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_dt_integers.html"""


def texts(cursor: SSCursor, at_least: int) -> Iterator[list[bytes]]:
    """The texts of an executed query, as the server encoded them, in lists of a certain length or a little more."""
    result, found = cursor._result, []
    while result.unbuffered_active:
        with suppress(OSError):  # a lost connection: PyMySQL says so, in its own words
            found += _at_hand(result.connection)
        if (row := result._read_rowdata_packet_unbuffered()) is not None:
            found.append(row[0].encode())
        if len(found) >= at_least or (row is None and found):
            yield found
            found = []


def _at_hand(connection: Connection) -> list[bytes]:
    """The texts that lie whole in the connection's buffer, up to the first that is none of the usual ones."""
    buffer, at, found = connection._rfile.peek(), 0, []
    while at + HEADER_BYTES < len(buffer):
        begin = at + HEADER_BYTES
        end = begin + (buffer[at] | buffer[at + 1] << 8 | buffer[at + 2] << 16)
        length = buffer[begin]
        if end > len(buffer) or (length > ONE_BYTE_LENGTHS and length != TWO_BYTE_LENGTH):
            break
        found.append(buffer[begin + (1 if length <= ONE_BYTE_LENGTHS else 3) : end])
        at = end
    connection._rfile.read(at)
    connection._next_seq_id = (connection._next_seq_id + len(found)) % 256
    return found
