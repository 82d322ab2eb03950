"""Work on signals: who does it, and how far it is."""
