"""Which series goes to which plugin, and the reason for every no. Pure: no file, no clock, no network.

In come the series of a study, the routes of the configuration and the manifests of the plugins; out goes a
:class:`Routing`: what each plugin gets, and one :class:`Decision` for every series and every route. Nothing can fail,
nothing is on disk afterwards. Three parties are asked, in this order, and each can only say no:

1. the exclusions (:mod:`node.route.exclusions`): what is no image for diagnosis, e.g. localizers and dose screens;
2. the conditions of the route (:mod:`node.route.conditions`);
3. the plugin's own veto (:mod:`node.route.veto`).

Worked example::

    routing = route(series, settings.routes, manifests, settings.match, [d.name for d in settings.destinations])
    [chosen.plugin for chosen in routing.chosen]     # ["chest-radiograph"]
    routing.reasons                                  # ["series 1.2.3: route 'brain MR' does not match: modality ..."]
"""

from node.route.check import Check
from node.route.priority import urgency
from node.route.routing import Chosen, Decision, Line, Routing, explain, route
from node.route.versions import route_versions

__all__ = ["Check", "Chosen", "Decision", "Line", "Routing", "explain", "route", "route_versions", "urgency"]
