"""``python -m scanner`` is the ``scanner`` command."""

from scanner.cli.main import main

main()
