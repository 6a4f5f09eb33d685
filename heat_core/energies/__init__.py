"""The method of the paper: priors, the residuals that correct them, HEAT, and the choice of β without OOD data.

Importing this package, `names`, `settings` or `views` does not import torch; the other modules do.
"""
