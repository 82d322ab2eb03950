"""`python -m transforms.cli`: the same as `compass`."""

from transforms.cli import main

main()
