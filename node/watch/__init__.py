"""Watching the models: do they still see what they saw, and answer what they answered?

In come observations, a small row of the ledger for each answer (`observing` makes them, in the worker); out go
measures, a small row for each figure of each look. A look compares a plugin's newest answers with two references: the
site's own baseline, its first answers here, and where the plugin brings one (`reference.json`) the data it was tested
on. `statistics` holds the mathematics, `looking` the rules, `report` the weekly page; `python -m node.watch` is one
round of looks, in a process of its own that the main process starts (`ticking`), so that numpy never stalls it.
`simulate` measures how often all that raises an alarm for nothing, and how soon for something.

What can fail raises :class:`~node.errors.LedgerBusy`. On disk afterwards: `reports/` in the data folder.
Nothing is imported here: who only starts looks must not wait for numpy.
"""
