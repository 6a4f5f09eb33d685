"""Frozen networks: how they are loaded, and how they give a feature volume, pooled vectors and a linear head."""
