"""Studies: lists of runs that differ in one thing, and a table or figure over them (the paper's tables and figures).

`request` says what is asked, `catalogue` which studies there are, `execution` does their runs, `results` and `page`
show them.
"""

#: Of `catalogue.STUDIES`, for a command line that imports nothing more until it works.
STUDY_NAMES = ("priors", "methods", "near-far", "beta", "lambda", "share", "dice", "cost", "paper")
