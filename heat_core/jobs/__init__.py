"""Processes that work on runs, and how long they will take."""
