"""Damaged files: what is lost of them, and copies of what can be read."""
