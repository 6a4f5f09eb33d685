"""A run exported as one file that scores images, with conformal p-values."""
