"""What a mapping says: RML and R2RML documents, read into values."""
