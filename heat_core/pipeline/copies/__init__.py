"""Copies of images in two sets of an experiment: files of the same bytes, and the same pictures in other files."""
