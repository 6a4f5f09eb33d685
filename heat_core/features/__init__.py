"""Features of images: extraction by a backbone, storage on disk, and the linear head that reads them.

Importing the package imports no torch; its modules `batches`, `columns`, `extraction` and `head_fitting` do.
"""

from heat_core.features.features import Features

__all__ = ["Features"]
