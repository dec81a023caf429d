"""What people look at after a run: links with both shapes as a table, and links on a map."""
