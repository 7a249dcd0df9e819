"""Input and output: files of others, as sources."""
