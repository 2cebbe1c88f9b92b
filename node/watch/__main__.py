"""`python -m node.watch CONFIG`: one round, and the weekly report when it is due; then the process is gone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from node.config import load, with_window
from node.errors import RadnodeError
from node.lifeline import hold
from node.logs import configure


def main(arguments: list[str]) -> int:
    """Args: configuration file."""
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # there is time; others need the processors
    os.nice(10)
    configure()
    hold(lambda: os._exit(1))
    import structlog

    from node.classify.catalogue import Catalogue
    from node.ledger import Ledger
    from node.watch.report import write_weekly
    from node.watch.round import look_at_all

    settings, log = load(Path(arguments[0])), structlog.get_logger()
    ledger = Ledger(settings.node.data_dir / "ledger.db", settings.storage.busy_seconds)
    try:
        manifests = Catalogue(settings.worker.plugins).manifests
        new = look_at_all(
            settings.watch, ledger, manifests, settings.web.result_objective_seconds, with_window(settings.routes)
        )
        log.info("watched", new_alarms=new, report=str(write_weekly(settings, ledger) or ""))
    except RadnodeError as error:
        log.error("watching failed", error=str(error))
        return 1
    finally:
        ledger.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
