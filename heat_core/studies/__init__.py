"""Studies: sets of runs that differ in one setting, with a table or figure over them (those of the paper).

`request` describes one study that was asked for, `catalogue` lists all studies, `execution` carries out their runs, and
`results` and `page` present them.
"""

#: Names of `catalogue.STUDIES`; the command line reads them here, so that its start imports nothing more.
STUDY_NAMES = (
    *("priors", "methods", "near-far", "beta", "lambda", "share", "dice", "cost"),
    *("updates", "leave-out", "leave-out-residuals", "paper"),
)
