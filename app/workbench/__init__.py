"""The workbench over the samples of a run."""
