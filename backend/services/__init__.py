"""What the service does, apart from answering HTTP."""
