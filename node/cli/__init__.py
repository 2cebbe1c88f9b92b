"""The command line: what is going on, why, and again.

Every command answers in under half a second and never loads torch. Reading commands print a table, or JSON with
`--json`. No patient's data is shown without `--phi`. Exit status: 0 done; 1 and 2 for `status` (degraded, down); 130
for one that Ctrl-C ended; else those of sysexits.h.
"""

from __future__ import annotations

import os
import signal

#: Exit status of a command that Ctrl-C ended, as a shell has it.
INTERRUPTED = 130


def main() -> None:
    """Run the program; its code is loaded here, so that a Ctrl-C meanwhile leaves one line."""
    hears = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not in the background of a script
    if hears:
        signal.signal(signal.SIGINT, _interrupted)
    from node.cli.program import main as run

    if hears:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


def _interrupted(*_: object) -> None:
    os.write(2, b"radnode: interrupted\n")
    os._exit(INTERRUPTED)  # nothing has begun
