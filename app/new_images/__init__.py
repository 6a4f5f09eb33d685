"""Parts of the New images page: batches of images that a run scores, and their drift."""
