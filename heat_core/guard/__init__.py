"""Guard: a run exported as one file that scores images and gives them conformal p-values."""
