"""Stages of a run: features, priors, residuals, scores, detectors, map; the results of each are stored when it ends."""
