"""Hook of the documentation's site: pages of the repository's root are in it, and links follow.

On the site there are no files but pages and pictures: a link to another file of the repository becomes its
text. Links among pages are checked by `make docs`, links to files by the tests.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from properdocs.config.defaults import ProperDocsConfig
from properdocs.structure.files import File, Files
from properdocs.structure.pages import Page

ROOT_PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
"""Pages at the root of the repository, and where the site has them."""

_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
_SOURCE = re.compile(r'(?<=src=")(?P<target>[^"]+)(?=")')
_ABSOLUTE = ("http://", "https://", "mailto:", "#")


def on_files(files: Files, config: ProperDocsConfig) -> Files:
    """Add the pages of the root."""
    root = Path(config.config_file_path).parent
    for name, uri in ROOT_PAGES.items():
        files.append(File.generated(config, uri, content=(root / name).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: ProperDocsConfig, files: Files) -> str:
    """Links as they lead on the site."""
    here = page.file.src_uri
    there = {uri: name for name, uri in ROOT_PAGES.items()}.get(here, f"docs/{here}")

    def follow(match: re.Match[str]) -> str:
        if match["target"].startswith(_ABSOLUTE):
            return match.group()
        target = _on_site(match["target"], there, here)
        return match["text"] if target is None else f"[{match['text']}]({target})"

    def show(match: re.Match[str]) -> str:
        return _on_site(match["target"], there, here) or match["target"]

    return _SOURCE.sub(show, _LINK.sub(follow, markdown))


def _on_site(target: str, there: str, here: str) -> str | None:
    """A link of the file ``there`` as the site's page ``here`` has it; None for what is not on the site."""
    path, mark, anchor = target.partition("#")
    file = posixpath.normpath(posixpath.join(posixpath.dirname(there), path))
    if file in ROOT_PAGES:
        uri = ROOT_PAGES[file]
    elif file.startswith("docs/"):
        uri = file.removeprefix("docs/")
    else:
        return None
    return posixpath.relpath(uri, posixpath.dirname(here) or ".") + mark + anchor
