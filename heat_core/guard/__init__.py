"""A run that left the lab: one file that scores images, with p-values that hold what they promise."""
