"""HTTP: what programs without DICOM tell the node, and ask it; studies by STOW-RS; and the dashboard for people.

In come requests with a token; out go rows of the ledger, and JSON. It runs in a process of its own
(`python -m node.web`), so that nothing that happens here can hold up images or results, and listens on 127.0.0.1
unless it is told otherwise. Whatever fails is answered as JSON with `error`, `about` and `hint`. A browser shows its
token once, in a form, and then a cookie: its pages stand in :mod:`node.web.pages`.
On disk afterwards: rows of the ledger, and what :mod:`node.intake` keeps of the objects that were stored.

===============================  =====================================================================================
request                          answer
===============================  =====================================================================================
GET /healthz                     200 when the ledger answers; needs no token
GET /readyz                      200 when a main process serves and the spool has room, else 503 with what is `missing`;
                                 needs no token
GET /metrics                     for Prometheus, with a token as `authorization` of its scrape configuration
GET /changes?since=N&limit=M     events of the trail after number N, oldest first; `last` is the N to ask for next, and
                                 `done` says that there is nothing more for now
GET /studies/UID/reviews         all reviews of a study, oldest first
GET /reviews/tally               predictive values by plugin, version, finding and sender
POST /studies/UID/reviews        what a reader says of our findings, as :mod:`node.review.posted` has it; 200 with what
                                 was new (`taken`) and how many said what had been said (`unchanged`); 404 for an
                                 unknown study, 422 when one of them cannot be matched, and then none is taken
POST /analyses/NUMBER/ACTION     prioritise (STAT), retry, hold or drop, as `radnode queue`; 200 with its `state`, 422
                                 when it cannot be
POST /plugins/NAME/ACTION        pause, resume, go-silent or go-live, as `radnode plugins`; go-live asks for the record
                                 of an evaluation, and takes no reason instead: 422 without one
GET /, /studies, /plugins, ...   the dashboard
POST /dicom-web/studies          objects (STOW-RS, PS3.18 10.5): 200, or 202 when not all are safe, with the Store
                                 Instances Response Module as DICOM JSON; see :mod:`node.web.stow`
POST /dicom-web/studies/UID      the same for objects of that study alone
===============================  =====================================================================================

A token has a role: `read` for GET, `review` to post reviews, `operate` for actions; each may do what those before it
may. `store` is for /dicom-web alone, and for nothing else. One address may ask so often in a minute, and be wrong about
its token ten times; beyond it is answered 429, as a page where text/html is asked for.
"""
