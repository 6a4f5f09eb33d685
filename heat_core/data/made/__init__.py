"""Sets without objects, made from the ID test images of a run: unknown images that are far from every class."""
