"""Options of the verbs, with one module for each group of verbs."""
