"""The site acceptance test: a plugin as it is installed, measured on a site's own labelled images.

The order of the work, one noun per file::

    table -> sources -> cases -> figures, subgroups, classes -> checks -> result -> page

Comes in: the name of an installed plugin and a CSV file with one image per line (columns: :mod:`.table`). The plugin is
reached through the door that the node uses: its entry point, the digests of its weights, the checks of
:class:`node.classify.runner.Runner`; DICOM files are decoded as the node decodes them, and what the manifest does not
accept is counted as refused, since the node would never send it there.

Goes out: an :class:`~radnode_kit.acceptance.result.Evaluation` with a verdict, and in a folder ``report.html``
(self-contained), ``report.json`` and ``cases.csv``.

Can fail: bad lines of the CSV and files that cannot be read raise :class:`~node.errors.PermanentError`, which names
every line; with ``keep_going`` files that cannot be read are counted and listed instead.

numpy, Pillow, pydicom and jinja2; never torch.
"""
