"""The marts: a .sql file and a description each, and the measures that they share."""
