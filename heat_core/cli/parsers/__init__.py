"""Options of the verbs, a module a group of verbs."""
