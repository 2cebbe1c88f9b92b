"""Other people's models become plugins: CheXNet, TorchXRayVision, MONAI classification bundles, ONNX files.

In comes a file or a folder that somebody else made, out goes a package folder that ``pip install`` takes and the node
finds like any other. Nothing of it is believed: a checkpoint is read for its tensors and never unpickled, a digest can
be demanded before the first byte is read, the code of a MONAI bundle runs only where the operator said so and only
while it is imported. What is not known of a model (its sensitivity, on which patients it fails) stands in its card as
not known. Where a network ends in global average pooling and one linear layer its evidence maps are exact; where it
does not there are none.

Worked example::

    model = chexnet.read(Path("model.pth.tar"), Wish(name="my-chexnet"))
    install.write(model, Path("my-chexnet"))
"""
