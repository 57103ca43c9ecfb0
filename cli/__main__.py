"""`python -m cli` is `overheard`."""

from cli.main import main

main()
