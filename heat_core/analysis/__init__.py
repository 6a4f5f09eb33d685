"""Analysis of finished runs: comparisons, samples, subsets, explanations. Nothing here imports torch."""
