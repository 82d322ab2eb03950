"""build/sbom.json: what the service is made of, as CycloneDX, from requirements/serve.txt.

``python -m transforms.reports.sbom [FILE]`` writes it. The same lock gives the same components; serial number
and time are of the document, as the format asks.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from transforms.reports.locked import REQUIREMENTS, Requirement, licence, requirements

FILE = REQUIREMENTS.parent / "build" / "sbom.json"


def make_sbom(set_name: str = "serve") -> str:
    """The bill of materials of a set of requirements, as JSON."""
    project = tomllib.loads((REQUIREMENTS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    product = Component(
        type=ComponentType.APPLICATION,
        name=project["name"],
        version=project["version"],
        bom_ref=project["name"],
        licenses=[LicenseFactory().make_from_string(project["license"])],
    )
    bom = Bom()
    bom.metadata.component = product
    parts = [_component(requirement) for requirement in requirements(set_name)]
    for part in parts:
        bom.components.add(part)
    bom.register_dependency(product, parts)
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _component(requirement: Requirement) -> Component:
    url = PackageURL("pypi", name=requirement.name, version=requirement.version)
    said = licence(requirement.name)
    return Component(
        type=ComponentType.LIBRARY,
        name=requirement.name,
        version=requirement.version,
        purl=url,
        bom_ref=url.to_string(),
        # One of them is the file that was installed; which one depends on the machine.
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=content) for content in requirement.hashes],
        licenses=[LicenseFactory().make_from_string(said)] if said else None,
    )


def main(arguments: list[str]) -> int:
    """Write the file named, by default build/sbom.json."""
    target = Path(arguments[0]) if arguments else FILE
    target.parent.mkdir(parents=True, exist_ok=True)
    text = make_sbom()
    target.write_text(text, encoding="utf-8")
    sys.stderr.write(f"Wrote {target} ({len(list(requirements('serve')))} packages)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
