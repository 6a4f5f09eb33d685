"""The paper: priors, the residual that corrects them, HEAT, and β chosen without OOD data.

Importing this, `names`, `settings` or `views` imports no torch; the rest does.
"""
