"""Parts of the Runs page: the table of runs, the details of one run, and the form of a new one."""
