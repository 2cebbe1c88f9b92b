// Walks through the dashboard as a person with a keyboard does, and writes down what is seen and what is told to a
// screen reader.
//
// Reads one JSON request from stdin, and writes one JSON answer to stdout:
//   {"home", "chromium", "profile", "out", "url", "token", "study", "plugin", "pages": {name: path}}
// home: where install.sh put playwright-core; out: gets a screenshot of each page in each scheme; token: may operate.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-sync'];
const WINDOW = { width: 1280, height: 800 };
const MOST_TABS = 80;

const request = JSON.parse(fs.readFileSync(0, 'utf8'));
const { chromium } = createRequire(path.join(request.home, 'package.json'))('playwright-core');
const browser = await chromium.launch({ executablePath: request.chromium, headless: true, args: FLAGS });
const [heard, asked] = [[], []];
try {
  const context = await newContext({ colorScheme: 'light' });
  const page = await context.newPage();
  const walk = await walkByKeyboard(page);
  const refreshed = await seesWhatHappens(page);
  const seen = {};
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme });
    seen[scheme] = {};
    for (const [name, where] of Object.entries(request.pages)) seen[scheme][name] = await look(page, name, where, scheme);
  }
  const narrow = await looksNarrow(page);
  const plain = await worksWithoutScripts();
  process.stdout.write(JSON.stringify({ walk, refreshed, seen, narrow, plain, heard, asked: [...new Set(asked)] }));
} finally {
  await browser.close();
}

async function newContext(options) {
  const context = await browser.newContext({ viewport: WINDOW, reducedMotion: 'reduce', ...options });
  await context.addInitScript(() => {
    window.painted = [];
    document.addEventListener('securitypolicyviolation', told => console.error(`CSP: ${told.violatedDirective} ${told.blockedURI}`));
  });
  context.on('request', one => asked.push(new URL(one.url()).origin));
  context.on('console', told => ['error', 'warning'].includes(told.type()) && heard.push(told.text().slice(0, 300)));
  context.on('weberror', error => heard.push(`uncaught: ${String(error.error()).slice(0, 300)}`));
  context.on('dialog', dialog => { heard.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  return context;
}

/** Signs in, skips the navigation, opens the study and accepts a finding; never with the mouse. */
async function walkByKeyboard(page) {
  await page.goto(request.url + request.pages.study);
  const first = { url: page.url(), focus: await focus(page) };
  await page.keyboard.type(request.token);
  await page.keyboard.press('Enter');
  await page.waitForURL(request.url + request.pages.study);
  await page.goto(`${request.url}/`);
  await page.keyboard.press('Tab');
  const skip = await focus(page);
  const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  await page.keyboard.press('Enter');
  const skipped = await page.evaluate(() => document.activeElement.id);
  await page.goto(`${request.url}/`);
  await enterOn(page, 'Studies', '/studies');
  await enterOn(page, request.study, request.pages.study);
  const tabs = await tabTo(page, 'Accept');
  const button = await focus(page);
  await page.keyboard.press('Enter');
  await page.waitForLoadState();
  await page.locator('.notice').waitFor();
  return { first, skip, ring, skipped, button, tabs, notice: await page.locator('.notice').innerText(), after: await focus(page) };
}

async function enterOn(page, words, where) {
  await tabTo(page, words);
  await page.keyboard.press('Enter');
  await page.waitForURL(request.url + where);
}

async function tabTo(page, words) {
  for (let tabs = 1; tabs <= MOST_TABS; tabs++) {
    await page.keyboard.press('Tab');
    if ((await focus(page)).startsWith(words)) return tabs;
  }
  throw new Error(`the keyboard does not reach ${words}`);
}

/** The words of what has the focus, or the name of its field. */
async function focus(page) {
  return page.evaluate(() => {
    const one = document.activeElement;
    return (one.innerText || one.name || one.tagName).replace(/\s+/g, ' ').trim();
  });
}

/** The first page tells of a plugin that was paused elsewhere, and nothing on it moves while nothing happens. */
async function seesWhatHappens(page) {
  await page.goto(`${request.url}/`);
  const statuses = [];
  page.on('response', one => one.url().includes('part=') && statuses.push(one.status()));
  const link = page.locator('#studies-RECEIVING');
  await link.focus();
  await page.waitForResponse(one => one.url().includes('part=board'), { timeout: 20000 });
  const kept = await page.evaluate(() => document.activeElement.id);
  await elsewhere('pause');
  await page.locator('.problems', { hasText: 'is paused' }).waitFor({ timeout: 20000 });
  const focused = await page.evaluate(() => document.activeElement.id);
  await elsewhere('resume');
  await page.locator('.problems', { hasText: 'is paused' }).waitFor({ state: 'detached', timeout: 20000 });
  return { kept, focused, statuses: [...new Set(statuses)].sort() };
}

async function elsewhere(action) {
  const done = await fetch(`${request.url}/plugins/${request.plugin}/${action}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${request.token}` },
  });
  if (!done.ok) throw new Error(`${action}: ${done.status}`);
}

async function look(page, name, where, scheme) {
  await page.goto(request.url + where);
  await page.evaluate(() => document.querySelectorAll('img[loading]').forEach(one => one.setAttribute('loading', 'eager')));
  await page.waitForFunction(() => [...document.images].every(one => one.complete));
  const file = `dashboard-${name}-${scheme}.png`;
  await page.screenshot({ path: path.join(request.out, file) });
  await page.screenshot({ path: path.join(request.out, `dashboard-${name}-${scheme}-whole.png`), fullPage: true });
  const tree = await told(page);
  await page.evaluate(() => document.querySelectorAll('details').forEach(one => (one.open = true)));
  return { file, tree, text: await page.locator('body').innerText(), ...(await page.evaluate(measure)) };
}

/** What a screen reader is told: role, name and level of everything. */
async function told(page) {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  await session.detach();
  return nodes
    .filter(one => !one.ignored)
    .map(one => ({
      role: one.role?.value ?? '',
      name: one.name?.value ?? '',
      level: one.properties?.find(each => each.name === 'level')?.value.value ?? 0,
    }));
}

/** In the page: pictures that are broken, elements that strangers brought, colours on colours, words on words. */
function measure() {
  const broken = [...document.images].filter(one => !one.naturalWidth).map(one => one.src);
  const strange = [...document.querySelectorAll('[onerror], [onload], [style]:not([style=""]), script:not([src])')].map(one => one.outerHTML);
  const ground = one => {
    for (let each = one; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (!/^rgba\(.*, 0\)$/.test(colour)) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const pairs = new Map();
  for (const one of document.querySelectorAll('body *')) {
    const words = [...one.childNodes].some(each => each.nodeType === 3 && each.data.trim());
    if (!words || one.closest('title, desc')) continue;
    const svg = one.namespaceURI.endsWith('svg');
    const colour = svg ? getComputedStyle(one).fill : getComputedStyle(one).color;
    pairs.set(`${colour} on ${ground(one)}`, one.innerText?.slice(0, 40) ?? one.textContent.slice(0, 40));
  }
  const touching = [];
  for (const svg of document.querySelectorAll('svg')) {
    const boxes = [...svg.querySelectorAll('text')].map(one => [one.textContent, one.getBoundingClientRect()]);
    boxes.forEach(([words, a], number) => boxes.slice(number + 1).forEach(([others, b]) => {
      if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom) touching.push(`${words} / ${others}`);
    }));
    const frame = svg.getBoundingClientRect();
    for (const [words, a] of boxes) if (a.left < frame.left - 1 || a.right > frame.right + 1) touching.push(`${words} / edge`);
  }
  return { broken, strange, pairs: [...pairs], touching, language: document.documentElement.lang };
}

/** At a width of 320 pixels (WCAG 1.4.10) no page is wider than the window. */
async function looksNarrow(page) {
  await page.setViewportSize({ width: 320, height: 640 });
  const wider = [];
  for (const [name, where] of Object.entries(request.pages)) {
    await page.goto(request.url + where);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    if (width > 320) wider.push(`${name}: ${width}`);
  }
  return wider;
}

/** Signs in, acts and signs out in a browser that runs no script. */
async function worksWithoutScripts() {
  const context = await newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`${request.url}/plugins/${request.plugin}`);
  await page.getByLabel('Token').fill(request.token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: `Pause ${request.plugin}` }).click();
  const paused = await page.locator('.notice').innerText();
  await page.getByRole('button', { name: `Resume ${request.plugin}` }).click();
  const resumed = await page.locator('.notice').innerText();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.goto(`${request.url}/`);
  const after = new URL(page.url()).pathname;
  await context.close();
  return { paused, resumed, after };
}
