"""Processing of long lists of images in shards, on this machine or on a Ray cluster.

The result of a shard is written whole or not at all, so that interrupted work resumes after its last finished shard.
"""
