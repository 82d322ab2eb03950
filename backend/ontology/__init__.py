"""Ontology: what the published runs hold, as a graph of facilities, metrics, signals and what they share."""
