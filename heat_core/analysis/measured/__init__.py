"""What the measurements of a run's images say of its samples: traits that questions ask for, and facets of quality."""
