"""Tables, curves and pairs of runs."""
