"""How fast the stages are, as ratios against other programs on the same files in the same run."""
