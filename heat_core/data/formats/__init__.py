"""Readers of the file formats of image lists."""
