// Photographs pages of the dashboard for whoever was not there.
//
// Reads one JSON request from stdin: {"home", "chromium", "out", "url", "token", "pages": {name: path}}; writes the names of
// the pictures to stdout, as JSON.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-sync'];

const request = JSON.parse(fs.readFileSync(0, 'utf8'));
const { chromium } = createRequire(path.join(request.home, 'package.json'))('playwright-core');
const browser = await chromium.launch({ executablePath: request.chromium, headless: true, args: FLAGS });
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' });
  await page.goto(`${request.url}/`);
  await page.keyboard.type(request.token); // the field for it has the focus
  await page.keyboard.press('Enter');
  await page.waitForURL(`${request.url}/`);
  const made = [];
  for (const [name, where] of Object.entries(request.pages)) {
    await page.goto(request.url + where);
    await page.screenshot({ path: path.join(request.out, `${name}.png`), fullPage: true });
    made.push(`${name}.png`);
  }
  process.stdout.write(JSON.stringify(made));
} finally {
  await browser.close();
}
