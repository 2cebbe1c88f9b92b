"""A worker process: decodes, classifies, explains and reports; the only process that may load torch.

It reads rows from the ledger and files from the spool, writes files into `work/<analysis>/`, and answers with what the
main process then commits; it moves no state itself, so that it can be killed on any line. Started as
``python -m node.worker CONFIG SOCKET``; its first message says what is wrong, then one JSON line is one job:

    <- {"problems": ["..."]}                       plugins that cannot be used; or {"fatal": "..."}, and it ends
    -> {"op": "classify" | "report", "ids": [1, 2]}
    <- {"answers": [{"id": 1, ...} | {"id": 2, "error": "...", "temporary": false}], "tainted": false}

Nothing is imported here, so that the process can set its limits before anything large is loaded.
"""
