"""Findings about a run: the groups of images in which a question has the most answers, and images to look at twice."""

from heat_core.findings.run_report import report

__all__ = ["report"]
