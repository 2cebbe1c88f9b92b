"""Made-up dermoscopic images: does a small generator help where melanomas are rare, and does it copy what it saw?

Comes in: the set ``skin_isic2017``; the generator learns from its training part alone. Goes out:
``plugins/SYNTHETIC.md``, a report of what was measured, whichever way it went. On disk afterwards, in the work folder:
the images at 64 pixels, the generator's checkpoint (a stopped run goes on from it), its samples with a sheet of them,
the embeddings, ``synthetic.json``. None of these is shipped, and no shipped network has seen a made-up image. What can
fail: a missing set raises :class:`PluginError`.

Files, in the order of the data: ``images``, ``diffusion`` (the generator), ``training``, ``sampling``, ``embedding``
(what a frozen network sees), ``quality``, ``memorisation``, ``effect``, ``measuring``, ``text``, ``commands``. Needs
the extra ``train``.
"""
