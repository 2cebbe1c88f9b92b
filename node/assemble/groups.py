"""Where an attribute of one frame stands: its own functional group, the shared one, or the dataset (PS3.3 C.7.6.16)."""

from __future__ import annotations

from pydicom.dataset import Dataset


def functional_group(ds: Dataset, index: int, macro: str) -> Dataset:
    """The dataset that holds the attributes of a functional group macro for one frame.

    Args:
        ds: the whole object.
        index: of the frame, from 0.
        macro: keyword of the macro's sequence, e.g. ``PixelMeasuresSequence``.

    Returns:
        The first item of that sequence for the frame, else of the shared one; `ds` itself when neither is there.
    """
    own = ds.get("PerFrameFunctionalGroupsSequence") or ()
    shared = ds.get("SharedFunctionalGroupsSequence") or ()
    for groups in (own[index : index + 1], shared[:1]):
        for group in groups:
            if items := group.get(macro):
                return items[0]
    return ds
