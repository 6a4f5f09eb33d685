"""Long lists of images: cut into shards, each done whole or not at all, on this machine or on a Ray cluster."""
