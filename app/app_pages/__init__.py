"""A script a page; each draws what the packages beside it make."""
