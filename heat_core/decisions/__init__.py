"""Decisions of people on images of a run, the next run that follows from them, and the comparison before and after."""
