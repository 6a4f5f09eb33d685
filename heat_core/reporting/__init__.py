"""Finished runs as tables, figures, pages and files."""
