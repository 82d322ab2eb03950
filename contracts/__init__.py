"""What an artifact and a raw table must look like. Nothing in this package reads a database."""
