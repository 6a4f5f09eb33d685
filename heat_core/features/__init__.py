"""Images → Features: datasets, backbones, the columns that are kept of a batch, and the head that reads them.

Importing this imports no torch; `backbones`, `columns` and `extraction` do.
"""

from heat_core.features.features import Features

__all__ = ["Features"]
