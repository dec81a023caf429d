"""Functions that a mapping can call, on whole columns."""
