"""Frozen networks: opened by name, prepared for, and seen as feature volume, pooled vectors and a linear head."""
