"""What is done to a run: features, priors, residuals, scores, detectors, map; each stage is kept when it ends."""
