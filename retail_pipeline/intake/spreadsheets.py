"""What makes a spreadsheet run a cell's text as a formula (CWE-1236), the same for every file that we hand out."""

FORMULA_STARTS = frozenset("=+-@\t\r\n＝＋－＠")
"""Characters at the beginning of such a text; a text that begins with one is handed out behind an apostrophe."""
