"""A worker process: decodes, classifies, explains and reports; the only process that may load torch.

It is told the facts of the ledger, reads files from the spool, writes files into `work/<analysis>/`, and answers with
what the main process then commits; it moves no state itself, so that it can be killed on any line. Before it loads a
plugin it gives up the network and all other files (:mod:`node.worker.sandbox`). Started as
``python -m node.worker CONFIG SOCKET``; its first message says what is wrong, then one JSON line is one job:

    <- {"problems": ["..."], "lacking": ["..."]}   plugins that cannot be used, what it could not be kept from; or
                                                   {"fatal": "..."}, and it ends
    -> {"op": "classify" | "report", "jobs": [...]}   see :class:`node.ledger.Job`
    <- {"answers": [{"id": 1, ...} | {"id": 2, "error": "...", "temporary": false}], "tainted": false}

Nothing is imported here, so that the process can set its limits before anything large is loaded.
"""
