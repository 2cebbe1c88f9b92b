// Opens series of an Orthanc in OHIF, as a person does, and writes down what is seen.
//
// Reads one JSON request from stdin, and writes one JSON answer to stdout:
//   {"home", "chromium", "orthanc", "out", "profile", "views": [
//     {"name", "study", "series_number", "shown", "says": [], "colour": false, "panel": "", "seconds"}]}
//   [{"name", "listed", "text", "logs", "came", "seconds", "viewport", "page", "thumbnail"}]   three files of screenshots
// home: where install.sh put the viewer. A series is drawn once the page says these words, the viewport is neither black
// nor what it was before, and, where colour is wanted, has some; shown: whether that is expected; panel: of the right
// side, opened to read it; seconds: how long to wait at most; came: what came of it, see LASTS.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { serve } from '../../deploy/ohif/serve.mjs';

// No accelerator is needed: WebGL is drawn by the CPU. The page around it is put together without WebGL, which would take
// most of the time.
const FLAGS = [
  '--no-sandbox',
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
  '--disable-gpu-compositing',
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const PANE = '[data-cy="viewport-pane"]';
const WINDOW = { width: 1200, height: 780 };
const [PAUSE, PATIENCE] = [200, 1500];
// OHIF says so, on the console, of a series that it cannot draw.
const REFUSAL = 'Unsupported displaySet';
// What can come of a view, and for how long it must stay the same before it is believed. Nothing but the lapse of time
// tells a viewport that stays black from one that is not ready.
const LASTS = { drawn: 500, refused: 500, black: 5000, nothing: Infinity };

const request = JSON.parse(fs.readFileSync(0, 'utf8'));
const server = await serve(path.join(request.home, 'ohif'), request.orthanc);
const origin = `http://127.0.0.1:${server.address().port}`;
const { chromium } = createRequire(path.join(request.home, 'package.json'))('playwright-core');
const options = { executablePath: request.chromium, headless: true, viewport: WINDOW, args: FLAGS };
const browser = await chromium.launchPersistentContext(request.profile, options);
// One page for all, each time loaded anew: what is compiled of the viewer is kept.
const [page] = browser.pages();
const heard = [];
try {
  await prepare();
  const seen = [];
  for (const view of request.views) seen.push(await look(view));
  process.stdout.write(JSON.stringify(seen));
} finally {
  await browser.close();
  server.close();
  server.closeAllConnections();
}

async function prepare() {
  page.setDefaultTimeout(60000);
  page.on('console', told => ['error', 'warning'].includes(told.type()) && heard.push(told.text().slice(0, 300)));
  page.on('pageerror', error => heard.push(`uncaught: ${String(error).slice(0, 300)}`));
  await page.addInitScript(knowTheViewer);
}

/** A browser that has shown the tour of the tools and the words on investigational use, which lie over the images. */
function knowTheViewer() {
  localStorage.setItem('shownTours', JSON.stringify(['basicViewerTour']));
  localStorage.setItem('investigationalUseDialog', JSON.stringify({ expiryDate: '2999-01-01' }));
}

async function look(view) {
  const began = Date.now();
  const before = await open(view.study);
  const thumbnail = page.locator(`[data-series="${view.series_number}"]`).first();
  const listed = await thumbnail.waitFor({ timeout: 20000 }).then(() => true, () => false);
  let came = 'nothing';
  if (listed) {
    await showsItsPicture(thumbnail);
    await picture(thumbnail, view, 'thumbnail');
    await thumbnail.dblclick();
    if (view.panel) await page.locator(`[data-cy="${view.panel}-btn"]`).first().click();
    ({ came } = await settled(view, before));
  }
  const text = (await page.locator('body').innerText()).replace(/\s+/g, ' ');
  const files = {
    thumbnail: listed ? `${view.name}-thumbnail.png` : '',
    viewport: await picture(page.locator(PANE).first(), view, 'viewport'),
    page: await picture(page, view, 'page'),
  };
  const seconds = (Date.now() - began) / 1000;
  return { name: view.name, listed, text, logs: [...new Set(heard)], came, seconds, ...files };
}

/** The viewer with a study; answers the key of what it shows first. */
async function open(study) {
  heard.length = 0;
  await page.goto(`${origin}/viewer?StudyInstanceUIDs=${study}`, { waitUntil: 'domcontentloaded' });
  await page.locator('[data-series]').first().waitFor();
  return (await settled({ says: [], shown: true, seconds: 60 }, '')).key;
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

/** Waits until what came of the view has lasted, or the time is over; answers that, and the key of the last sight. */
async function settled(view, before) {
  const began = Date.now();
  let [last, since] = ['', began];
  for (;;) {
    const { key, ...shares } = await sight();
    if (key !== last) [last, since] = [key, Date.now()];
    const came = await outcome(view, key !== before, shares);
    if (Date.now() >= since + LASTS[came] || Date.now() > began + 1000 * view.seconds) return { key, came };
    if (before && view.shown && came === 'nothing' && Date.now() > began + PATIENCE) await stir();
    await page.waitForTimeout(PAUSE);
  }
}

/** A key of LASTS. */
async function outcome(view, changed, { bright, coloured }) {
  if (heard.some(line => line.includes(REFUSAL))) return 'refused';
  if (!changed) return 'nothing';
  if (bright <= 0.01) return view.shown ? 'nothing' : 'black';
  const ready = (!view.colour || coloured > 0.001) && (await says(view.says));
  return ready ? 'drawn' : 'nothing';
}

/**
 * The wheel goes one slice on and back, and the window becomes a little larger and back: now and then OHIF has a shape or
 * an overlay ready, and draws it only with the next image.
 */
async function stir() {
  const box = await page.locator(PANE).first().boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height * 0.97);
  for (const [wheel, more] of [[100, 8], [-100, 0]]) {
    await page.mouse.wheel(0, wheel);
    await page.setViewportSize({ width: WINDOW.width + more, height: WINDOW.height });
    await page.waitForTimeout(PAUSE);
  }
}

async function says(words) {
  const text = await page.locator('body').innerText();
  return words.every(word => text.includes(word));
}

/** What stands in the viewport: a key, equal for equal sights, and which shares of it are bright and coloured. */
async function sight() {
  const pane = page.locator(PANE).first();
  const foreign = pane.locator('iframe, object, embed').first();
  if (!(await foreign.count())) return await pane.evaluate(measure);
  // The browser's own reader, into which no script can look.
  const shot = await foreign.screenshot();
  return { key: createHash('sha256').update(shot).digest('hex'), bright: 1, coloured: 0 };
}

/** Of what is drawn itself: a screenshot takes ten times as long, and its smooth edges differ from one to the next. */
function measure(pane) {
  const canvas = pane.querySelector('canvas');
  const words = [...pane.querySelectorAll('svg.svg-layer')].map(layer => layer.innerHTML).join() + pane.innerText;
  if (!canvas?.width) return { key: words, bright: 0, coloured: 0 };
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let [bright, coloured, hash] = [0, 0, 0];
  for (let at = 0; at < data.length; at += 4) {
    const [red, green, blue] = [data[at], data[at + 1], data[at + 2]];
    const [least, most] = [Math.min(red, green, blue), Math.max(red, green, blue)];
    bright += most > 40;
    coloured += most - least > 60;
    hash = (Math.imul(hash, 31) + (red << 16) + (green << 8) + blue) | 0;
  }
  const pixels = data.length / 4;
  return { key: `${hash} ${words}`, bright: bright / pixels, coloured: coloured / pixels };
}
