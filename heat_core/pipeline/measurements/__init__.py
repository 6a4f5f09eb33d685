"""What is measured of a run's images beside its scores: quality, likely wrong labels, neighbours, near-duplicates."""
