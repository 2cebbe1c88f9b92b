"""The command line: what is going on, why, and again.

Every command answers in under half a second and never loads torch. Reading commands print a table, or JSON with
`--json`. No patient's data is shown without `--phi`. Exit status: 0 done; 1 and 2 for `status` (degraded, down); else
those of sysexits.h.
"""

from node.cli.app import main

__all__ = ["main"]
