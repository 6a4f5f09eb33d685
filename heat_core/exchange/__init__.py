"""Exchange with other tools: samples in their formats, and labels that come back from them."""

from heat_core.exchange.export import FORMATS

__all__ = ["FORMATS"]
