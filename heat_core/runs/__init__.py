"""Runs: an Experiment and the folder of its results, which is written stage by stage and opened without torch."""
