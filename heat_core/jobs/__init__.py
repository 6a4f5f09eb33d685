"""Processes that work on runs, and estimates of their duration."""
