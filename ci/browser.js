// Looks at a page of a report as people do: node ci/browser.js PAGE DIRECTORY, with NODE_PATH.
// Fails on anything in the console, on what axe finds, on a page that is wider than its window, and on one that
// says less without script. Screenshots go to the directory.
'use strict';
const fs = require('fs');
const path = require('path');
const puppeteer = require('puppeteer-core');

const [file, directory] = process.argv.slice(2);
const address = 'file://' + path.resolve(file);
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const faults = [];

async function open(browser, width, scheme, script) {
  const page = await browser.newPage();
  const note = (what) => faults.push(`${width} ${scheme}: ${what}`);
  page.on('console', (message) => note(`console: ${message.text()}`));
  page.on('pageerror', (error) => note(`error: ${error}`));
  page.on('requestfailed', (request) => note(`request: ${request.url()}`));
  page.on('request', (request) => request.url() === address || note(`loads ${request.url()}`));
  await page.setJavaScriptEnabled(script);
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  await page.setViewport({ width, height: 900 });
  await page.goto(address);
  return page;
}

async function look(browser, width, scheme) {
  const page = await open(browser, width, scheme, true);
  await page.screenshot({ path: path.join(directory, `${width}-${scheme}.png`), fullPage: true });
  const text = await page.evaluate(() => document.body.innerText);
  await page.evaluate(() => document.querySelectorAll('details').forEach((one) => { one.open = true; }));
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run());
  found.violations.forEach((one) => faults.push(`${width} ${scheme}: axe: ${one.id}: ${one.nodes[0].html}`));
  if (found.passes.length === 0) faults.push('axe looked at nothing');
  const isWide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
  if (isWide) faults.push(`${width} ${scheme}: the page is wider than its window`);
  await page.close();
  return text;
}

async function withoutScript(browser, text) {
  const page = await open(browser, 1280, 'light', false);
  const bare = await page.evaluate(() => document.body.innerText);
  if (bare !== text || !bare.includes('differs')) faults.push('without script the page says something else');
  await page.close();
}

(async () => {
  const root = process.getuid() === 0 ? ['--no-sandbox'] : [];
  const browser = await puppeteer.launch({ executablePath: '/usr/bin/chromium', args: root });
  let text = '';
  for (const width of [390, 1280]) {
    for (const scheme of ['light', 'dark']) text = await look(browser, width, scheme);
  }
  await withoutScript(browser, text);
  await browser.close();
  faults.forEach((fault) => console.error(fault));
  process.exitCode = faults.length === 0 ? 0 : 1;
})();
