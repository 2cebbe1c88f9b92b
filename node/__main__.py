"""``python -m node`` is the command `radnode`."""

from node.cli import main

main()
