"""The dashboard: pages for people, made on the server, which work without JavaScript and without the internet.

In come requests of a browser that is signed in (:mod:`node.web.sessions`); out go pages, pictures of our own results,
and the answer to a form: the page it was on, with what came of it. Every form bears its session's own number, and what
it does is written in the trail with the name of the token. What fails is a page that says what, which object and what
to do. Of the spool only what the node has made itself is read, and it is compared with its digest in the ledger first;
where `web.show_patients` is set, also the header of an image, for name and id. On disk afterwards: rows of the ledger.

===========================  =========================================================================================
page                         what it shows
===========================  =========================================================================================
/                            now: what comes, waits, and is wrong; studies of each hour of the last day
/studies                     the newest, by state, modality, day or UID, a page at a time
/studies/UID                 one study: what came, why it has its result, findings, heatmaps, deliveries, trail; actions
/plugins, /plugins/NAME      plugins with health, operating points, model card and what readers said; pause, resume
/destinations                what waits for each, since when, and what went wrong last
/monitoring                  charts; :mod:`node.web.pages.monitoring` says how another one is added
/results/UID.png             a heatmap; `?small=1`: for a list
/static/NAME                 style, script and icon; nobody need be signed in
/login, /logout              a form for the token; a button
/act/...                     POST: the operator's actions and readers' words
===========================  =========================================================================================

htmx only asks for parts of a page again (`?part=NAME&seen=DIGEST`); what has not changed is answered 204, so that
nothing is read out twice and nobody loses their place.
"""

from node.web.pages.pages import Pages

__all__ = ["Pages"]
