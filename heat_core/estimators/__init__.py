"""HEAT on arrays, with scikit-learn's conventions: what the pipeline of a run does, for features in memory."""
