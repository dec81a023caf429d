"""The data layer: product formats, the catalogue of everything, and its faces to the world."""
