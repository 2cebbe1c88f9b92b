// DICOM over the network by dcmjs-dimse, an implementation of its own in JavaScript.
//
//   node dimse.mjs HOME send PORT CALLED FILE...    a line for each file: `status`, in hexadecimal
//   node dimse.mjs HOME take PORT                   takes everything; a line for each object: `took`, Modality, SOP Instance UID
//
// What else is on stdout is the library's own log.
import { createRequire } from 'node:module';
import path from 'node:path';

const [home, verb, port, ...rest] = process.argv.slice(2);
const { Client, Scp, Server, constants, requests, responses } = createRequire(path.join(home, 'package.json'))('dcmjs-dimse');

if (verb === 'send') send(rest[0], rest.slice(1));
else take();

function send(called, files) {
  const client = new Client();
  for (const file of files) {
    const request = new requests.CStoreRequest(file);
    request.on('response', (response) => process.stdout.write(`status ${response.getStatus().toString(16)}\n`));
    client.addRequest(request);
  }
  client.on('networkError', (error) => { process.stderr.write(`${error}\n`); process.exitCode = 1; });
  client.send('127.0.0.1', Number(port), 'DCMJS', called);
}

function take() {
  class Taker extends Scp {
    associationRequested(association) {
      for (const { id } of association.getPresentationContexts()) {
        const context = association.getPresentationContext(id);
        context.setResult(constants.PresentationContextResult.Accept, context.getTransferSyntaxUids()[0]);
      }
      this.sendAssociationAccept();
    }
    cEchoRequest(request, answer) { answer(accepted(responses.CEchoResponse, request)); }
    cStoreRequest(request, answer) {
      const dataset = request.getDataset();
      process.stdout.write(`took ${dataset.getElement('Modality')} ${dataset.getElement('SOPInstanceUID')}\n`);
      answer(accepted(responses.CStoreResponse, request));
    }
    associationReleaseRequested() { this.sendAssociationReleaseResponse(); }
  }
  new Server(Taker).listen(Number(port));
}

function accepted(kind, request) {
  const response = kind.fromRequest(request);
  response.setStatus(constants.Status.Success);
  return response;
}
