"""What is measured on a run's images: traits that questions ask for, facets of quality, and its shifted sets."""
