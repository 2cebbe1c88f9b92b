"""The engines that run a bundle's network, behind one small interface; use them through ``radnode_kit.engine``.

In come normalised images, float32 (n, c, s, s); out come :class:`~radnode_kit.engines.outputs.Outputs`. What can fail
is the opening: :class:`~node.errors.PluginError`. `onnx` is in the default installation, `openvino` an extra, `torch`
the reference, the engine for GPUs and for networks without an ONNX graph; each library is imported when its engine is
opened and not before. `choice` takes the fastest of them, `memory` remembers which that was (the only file that is
written here), `bench` compares them all.
"""
