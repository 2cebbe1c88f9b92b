"""Classify: image sets in, predictions out, in worker processes that may be killed at any time.

`catalogue` finds plugins by their manifests without importing them (the main process never loads torch); `runner`
loads and asks them inside a worker, and `check` looks at every answer; `process` is the parent's end of a worker: it
starts it, hands it jobs, and kills it when it is late. A plugin that raises, hangs, exits or answers nonsense fails its
analysis with :class:`~node.errors.PluginError` and nothing else. On disk afterwards: what the caller writes of
`prediction_bytes`.

Nothing is imported here: the command line reads the catalogue, and must not wait for numpy.
"""
