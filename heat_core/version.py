"""Version of the package, in a module that imports nothing."""

__version__ = "0.3.0"
# The last version that changed the numbers of an experiment. Studies use runs and residuals again that this version or
# a later one made; `tests/heat_core/test_stored_formats.py` tells when it must be raised. 0.3.1 is no release: it tells
# residuals from those made before 0.3.0 averaged the label correlation over epochs, which have another scale.
NUMBERS_VERSION = "0.3.1"
