"""Models that read a series as a sequence of slices in Hounsfield units: attention over positions, then over slices.

Comes in: image sets with Modality LUT values (HU); for training, a table of labelled DICOM slices. Goes out:
predictions whose evidence adds up exactly; weights, calibration, gate, operating point and model card. What can fail:
weights whose digest differs from the manifest raise ``PluginError`` in ``load``; series without HU values or unlike
the training slices lead to a prediction that abstains.

Files, in the order of the data: ``slices`` (HU on a canvas of fixed millimetres), ``physics`` and ``network`` (what
is measured at each position, and what is learned), ``cases`` and ``views`` (labelled slices, as other protocols show
them), ``bags``, ``fitting`` and ``crossing`` (training and cross-validation), ``exporting``, ``engines``,
``classifier``, ``header`` (the cross-check), ``measuring``, ``text``, ``commands``.

Importing this package loads neither torch nor onnxruntime.
"""
