"""HEAT as an object: fitted on arrays or on the batches of a loader, and scoring arrays."""
