"""Mappings made of what a source has."""
