// Serves OHIF's prebuilt files, the app-config.js beside this file and an Orthanc's DICOMweb as one origin on 127.0.0.1.
//
//   node serve.mjs DIST ORTHANC [PORT]      e.g. node serve.mjs package/dist http://127.0.0.1:8042 3000
//
// For tests and for a look by hand: there is no access control. A site puts nginx here, see README.md.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const CONFIG = path.join(path.dirname(fileURLToPath(import.meta.url)), 'app-config.js');
const DICOMWEB = /^\/dicom-web(\/|$)/;
// Names with a digest of the content in them: a browser need not ask, nor compile, twice.
const NEVER_CHANGES = /(^|\.)[0-9a-f]{12,}\.(js|css|wasm)$/;
// A page gets SharedArrayBuffer, which decoders and volumes need, only when it is isolated from other origins.
const ISOLATED = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.mjs': 'text/javascript',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
};

/** Listens on a port of 127.0.0.1, 0 for any free one; answers the server. */
export async function serve(dist, orthanc, port = 0) {
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://127.0.0.1');
    if (DICOMWEB.test(pathname)) forward(request, response, new URL(orthanc));
    else send(response, pathname === '/app-config.js' ? CONFIG : fileOf(path.resolve(dist), pathname));
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  return server;
}

function forward(request, response, orthanc) {
  // Orthanc writes its own address into what it answers, unless it is told by which one it was asked.
  const headers = { ...request.headers, forwarded: `host=${request.headers.host};proto=http` };
  const options = { hostname: orthanc.hostname, port: orthanc.port || 80, path: request.url, method: request.method, headers };
  const asked = http.request(options, answer => {
    response.writeHead(answer.statusCode, { ...answer.headers, ...ISOLATED });
    answer.pipe(response);
  });
  asked.on('error', error => {
    if (!response.headersSent) response.writeHead(502, ISOLATED);
    response.end(String(error));
  });
  request.pipe(asked);
}

/** The file of a path; the viewer's own pages (/viewer?...) have none and are all index.html. */
function fileOf(dist, pathname) {
  const file = path.join(dist, path.normalize(decodeURIComponent(pathname)));
  const inside = file.startsWith(dist + path.sep) && fs.statSync(file, { throwIfNoEntry: false })?.isFile();
  return inside ? file : path.join(dist, 'index.html');
}

function send(response, file) {
  const type = TYPES[path.extname(file)] ?? 'application/octet-stream';
  const kept = NEVER_CHANGES.test(path.basename(file)) ? 'max-age=31536000, immutable' : 'no-cache';
  response.writeHead(200, { ...ISOLATED, 'Content-Type': type, 'Cache-Control': kept });
  fs.createReadStream(file).pipe(response);
}

if (process.argv[1] && fs.realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [dist, orthanc, port = '3000'] = process.argv.slice(2);
  if (!orthanc) {
    console.error('usage: node serve.mjs DIST ORTHANC [PORT]');
    process.exit(64);
  }
  await serve(dist, orthanc, Number(port));
  console.log(`http://127.0.0.1:${port}/`);
}
