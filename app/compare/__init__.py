"""Sections of the Compare page: table, score plots, β, and two runs."""
