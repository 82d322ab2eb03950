"""Those who work with signals."""
