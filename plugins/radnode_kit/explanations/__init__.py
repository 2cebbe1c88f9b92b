"""Is the evidence map worth looking at? Compares it with other explanations, and proves what is said of it.

Comes in: a plugin's folder and its held-back images. Goes out: text for the model card. What may fail: a plugin without
weights, a data set that is not there, a card without marks. On disk afterwards: the card, if asked, and the decoded
images in the work folder.

:mod:`subject` opens the network, :mod:`methods` and :mod:`gradients` explain it, :mod:`faithfulness`, :mod:`mosaic` and
:mod:`pointing` judge the explanations, :mod:`sanity`, :mod:`cost` and :mod:`exactness` test the claims. For development
only: it needs torch and the extra `train`.
"""
