"""For Orthanc's Python plugin: each series goes to the node once it is stable, but never what the node made.

In orthanc.json::

    "PythonScript": "/etc/orthanc/radnode.py",
    "DicomModalities": { "radnode": ["RADNODE", "127.0.0.1", 11112] }
"""

import json

import orthanc  # comes with the plugin

MODALITY = "radnode"  # its name in DicomModalities
MAKER = "radnode"  # Manufacturer (0008,0070) of the node's results


def is_own(series):
    """Whether the node made that series, or sent it by DICOM."""
    tags = json.loads(orthanc.RestApiGet(f"/series/{series}"))["MainDicomTags"]
    if tags.get("Manufacturer", "").lower() == MAKER:
        return True
    node = json.loads(orthanc.RestApiGet(f"/modalities/{MODALITY}/configuration"))
    metadata = json.loads(orthanc.RestApiGet(f"/series/{series}/metadata?expand"))
    return metadata.get("RemoteAET") == node["AET"]


def on_change(change, level, resource):
    """What Orthanc calls after each change. A job: it is tried in the background, and shown in Orthanc Explorer."""
    if change == orthanc.ChangeType.STABLE_SERIES and not is_own(resource):
        job = {"Resources": [resource], "Asynchronous": True}
        orthanc.RestApiPost(f"/modalities/{MODALITY}/store", json.dumps(job))


orthanc.RegisterOnChangeCallback(on_change)
