"""`python -m transforms.cli`: the same as `compass`."""

from transforms.cli import run

run()
