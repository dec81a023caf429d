"""Every kind of source that a mapping reads, as a stream of frames."""
