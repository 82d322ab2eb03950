"""Answers that can be sent again: validators for clients, a memory for the worker."""
