"""Images: where they lie, how one is read, which of them make a dataset."""
