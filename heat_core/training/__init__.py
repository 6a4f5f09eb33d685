"""Training of a classifier for small images, on a set kept in memory."""
