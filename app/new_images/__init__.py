"""New images scored by a run."""
