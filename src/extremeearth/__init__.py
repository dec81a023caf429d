"""ExtremeEarth: Copernicus data from the archive to knowledge that people can question."""

__version__ = "0.1.0"
