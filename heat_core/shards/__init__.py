"""Lists of images too long for one sitting: cut into shards, each done whole or not at all, here or on a cluster."""
