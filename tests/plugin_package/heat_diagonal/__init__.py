"""A detector and a prior for HEAT Explorer."""
