"""What can go wrong when metadata is asked for."""

from __future__ import annotations

from backend.errors import DomainError


class ManifestMissing(DomainError):
    """The database holds no manifest of the dbt project that this version can read."""

    slug = "manifest-missing"
    title = "Manifest missing"
    status = 404

    def __init__(self) -> None:
        super().__init__("dbt manifest not found", "store it with `compass db upgrade`")


class ModelNotFound(DomainError):
    """The dbt project has no model of this name."""

    slug = "model-not-found"
    title = "Model not found"
    status = 404

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"Model not found: {name}")


class BundleMissing(DomainError):
    """The active run has no metadata bundle, and there are no taxonomy files to build one from."""

    slug = "bundle-missing"
    title = "Metadata bundle missing"
    status = 404

    def __init__(self) -> None:
        super().__init__(
            "Taxonomy directory not found", "ingest a run with a metadata bundle, or set TAXONOMY_PATH"
        )
