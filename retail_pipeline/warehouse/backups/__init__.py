"""Backups of the database, the landing store and the sources, and the way back."""
