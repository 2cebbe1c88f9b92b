"""The small kit that the shipped plugins share: one network, one classifier, one way to train and to measure.

Comes in: image sets (``node.plugin``) for :class:`radnode_kit.classifier.BundleClassifier`; labelled images in a data
folder for ``radnode train``. Goes out: predictions; a bundle with weights, calibration, gate and model card.
What can fail: weights whose digest differs from the manifest and devices that are not there raise ``PluginError`` in
``load``; images a model was not made for lead to a prediction that abstains, never to an error.

Importing this package loads neither torch nor onnxruntime.
"""
