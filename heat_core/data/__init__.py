"""Images: their locations, how an image file is read, and how images form a dataset."""
