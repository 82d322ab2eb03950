"""The service: quality signals, served from PostgreSQL."""
