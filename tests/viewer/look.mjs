// Opens series of an Orthanc in OHIF, as a person does, and writes down what is seen.
//
// Reads one JSON request from stdin, and writes one JSON answer to stdout:
//   {"home", "chromium", "orthanc", "out", "profile", "views": [
//     {"name", "study", "series_number", "says": [], "colour": false, "panel": "", "seconds"}]}
//   [{"name", "listed", "text", "logs", "seconds", "viewport", "page", "thumbnail"}]      three files of screenshots
// home: where install.sh put the viewer. A series is drawn once the page says these words, the viewport is neither black
// nor what it was before, and, where colour is wanted, has some; panel: of the right side, opened to read it; seconds:
// how long to wait for all that.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { serve } from '../../deploy/ohif/serve.mjs';

// No accelerator is needed: WebGL is drawn by the CPU.
const FLAGS = [
  '--no-sandbox',
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const PANE = '[data-cy="viewport-pane"]';
const [PAUSE, PATIENCE] = [250, 6000];

const request = JSON.parse(fs.readFileSync(0, 'utf8'));
const server = await serve(path.join(request.home, 'ohif'), request.orthanc);
const origin = `http://127.0.0.1:${server.address().port}`;
const { chromium } = createRequire(path.join(request.home, 'package.json'))('playwright-core');
const options = { executablePath: request.chromium, headless: true, viewport: { width: 1200, height: 780 }, args: FLAGS };
const browser = await chromium.launchPersistentContext(request.profile, options);
try {
  await browser.addInitScript(knowTheViewer);
  const seen = [];
  for (const view of request.views) seen.push(await look(view));
  process.stdout.write(JSON.stringify(seen));
} finally {
  await browser.close();
  server.close();
  server.closeAllConnections();
}

/** A browser that has shown the tour of the tools and the words on investigational use, which lie over the images. */
function knowTheViewer() {
  localStorage.setItem('shownTours', JSON.stringify(['basicViewerTour']));
  localStorage.setItem('investigationalUseDialog', JSON.stringify({ expiryDate: '2999-01-01' }));
}

async function look(view) {
  const began = Date.now();
  const logs = [];
  const page = await opened(view.study, logs);
  const before = await settled(page, { says: [], seconds: 20 }, Buffer.alloc(0), 1);
  const thumbnail = page.locator(`[data-series="${view.series_number}"]`).first();
  const listed = await thumbnail.waitFor({ timeout: 5000 }).then(() => true, () => false);
  if (listed) {
    await showsItsPicture(thumbnail);
    await picture(thumbnail, view, 'thumbnail');
    await thumbnail.dblclick();
    if (view.panel) await page.locator(`[data-cy="${view.panel}-btn"]`).first().click();
    await settled(page, view, before);
  }
  const text = (await page.locator('body').innerText()).replace(/\s+/g, ' ');
  const files = {
    thumbnail: listed ? `${view.name}-thumbnail.png` : '',
    viewport: await picture(page.locator(PANE).first(), view, 'viewport'),
    page: await picture(page, view, 'page'),
  };
  await page.close();
  return { name: view.name, listed, text, logs: [...new Set(logs)], seconds: (Date.now() - began) / 1000, ...files };
}

async function opened(study, logs) {
  const page = await browser.newPage();
  page.on('console', message => ['error', 'warning'].includes(message.type()) && logs.push(message.text().slice(0, 300)));
  page.on('pageerror', error => logs.push(`uncaught: ${String(error).slice(0, 300)}`));
  await page.goto(`${origin}/viewer?StudyInstanceUIDs=${study}`, { waitUntil: 'domcontentloaded' });
  await page.locator('[data-series]').first().waitFor({ timeout: 40000 });
  return page;
}

/** Only image series have a picture in the list; it comes late. */
async function showsItsPicture(thumbnail) {
  if ((await thumbnail.getAttribute('data-cy')) !== 'study-browser-thumbnail') return;
  await thumbnail.locator('img').first().waitFor({ timeout: 10000 }).catch(() => {});
}

async function picture(target, view, what) {
  const file = `${view.name}-${what}.png`;
  await target.screenshot({ path: path.join(request.out, file) });
  return file;
}

/** The viewport's picture once it is drawn and was the same so many times more; the last one at the latest. */
async function settled(page, view, before, times = 2) {
  const began = Date.now();
  let [last, same] = [before, 0];
  while (Date.now() < began + 1000 * view.seconds) {
    const shot = await page.locator(PANE).first().screenshot();
    const drawn = !shot.equals(before) && (await isDrawn(page, view)) && (await says(page, view.says));
    same = drawn && shot.equals(last) ? same + 1 : 0;
    if (same >= times) return shot;
    last = shot;
    if (!drawn && Date.now() > began + PATIENCE) await turnTheWheel(page);
    await page.waitForTimeout(PAUSE);
  }
  return last;
}

/** One slice on and back: now and then OHIF has an overlay or a shape ready, and draws it only with the next image. */
async function turnTheWheel(page) {
  const box = await page.locator(PANE).first().boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height * 0.97);
  for (const way of [100, -100]) {
    await page.mouse.wheel(0, way);
    await page.waitForTimeout(PAUSE);
  }
}

async function says(page, words) {
  const text = await page.locator('body').innerText();
  return words.every(word => text.includes(word));
}

/** Whether more than a hundredth of the canvas is bright, and a thousandth coloured where that is wanted. */
async function isDrawn(page, view) {
  const { bright, coloured } = await page.locator(PANE).first().evaluate(measure);
  return bright > 0.01 && (!view.colour || coloured > 0.001);
}

function measure(pane) {
  const canvas = pane.querySelector('canvas');
  if (!canvas?.width) return { bright: pane.querySelector('iframe, object, embed') ? 1 : 0, coloured: 0 };
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let [bright, coloured] = [0, 0];
  for (let at = 0; at < data.length; at += 4) {
    const most = Math.max(data[at], data[at + 1], data[at + 2]);
    bright += most > 40;
    coloured += most - Math.min(data[at], data[at + 1], data[at + 2]) > 60;
  }
  return { bright: bright / (data.length / 4), coloured: coloured / (data.length / 4) };
}
