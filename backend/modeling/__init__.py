"""/api/modeling: runs of models, their experiments, and what drives predictions."""
