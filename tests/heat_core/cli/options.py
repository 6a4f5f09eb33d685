"""Options of commands that tests share."""

TINY = ("--set", "width=8", "updates=1", "epochs=1", "langevin_steps=1", "--detectors", "--priors", "el", "--no-map")
