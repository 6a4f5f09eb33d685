"""Verbs about the samples of a run."""
