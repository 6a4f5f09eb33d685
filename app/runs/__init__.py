"""The list of runs, one run, and the form of a new one."""
