"""Bodies of requests and responses; they document the API and check it in tests."""
