"""A mapping at work: frames to lines, here or on an engine, and where the lines go."""
