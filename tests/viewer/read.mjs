// Reads DICOM files with dcmjs, the library under OHIF, and says what it found.
//
// Reads one JSON request from stdin, and writes one JSON answer to stdout:
//   {"home", "files": []}
//   [{"sop_class", "sop_instance", "patient", "numbers": [[name, value, unit]], "segments": [], "frames", "pixel_bytes"}]
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const request = JSON.parse(fs.readFileSync(0, 'utf8'));
const dcmjs = createRequire(path.join(request.home, 'package.json'))('dcmjs');
const { DicomMessage, DicomMetaDictionary } = dcmjs.data;
// It tells of every private or unusual element on stdout.
dcmjs.log.setLevel?.('silent');

process.stdout.write(JSON.stringify(request.files.map(read)));

function read(file) {
  const bytes = fs.readFileSync(file);
  const whole = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const ds = DicomMetaDictionary.naturalizeDataset(DicomMessage.readFile(whole).dict);
  return {
    sop_class: ds.SOPClassUID,
    sop_instance: ds.SOPInstanceUID,
    patient: ds.PatientID,
    numbers: items(ds).filter(item => item.ValueType === 'NUM').flatMap(number),
    segments: list(ds.SegmentSequence).map(segment => segment.SegmentLabel),
    frames: Number(ds.NumberOfFrames ?? 0),
    pixel_bytes: list(ds.PixelData ?? ds.FloatPixelData).reduce((sum, part) => sum + part.byteLength, 0),
  };
}

function items(item) {
  return list(item.ContentSequence).flatMap(child => [child, ...items(child)]);
}

function number(item) {
  const name = list(item.ConceptNameCodeSequence)[0].CodeMeaning;
  return list(item.MeasuredValueSequence).map(measured => [
    name,
    Number(measured.NumericValue),
    list(measured.MeasurementUnitsCodeSequence)[0].CodeValue,
  ]);
}

function list(value) {
  return value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
}
