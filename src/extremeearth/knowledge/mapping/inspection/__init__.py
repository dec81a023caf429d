"""Looking at a mapping before it runs: what is wrong with it, what it makes of a few rows, and how it looks."""
