// What the scripts of this folder begin with: a headless browser with one page, whose errors are collected.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

// start takes the orders of argv[2] (JSON): playwright (folder of playwright-core), browser (program), timeout (ms) and the script's own.
// saw is what the script prints as JSON at its end.
export async function start(viewport) {
  const orders = JSON.parse(process.argv[2]);
  const { chromium } = await import(pathToFileURL(join(orders.playwright, 'index.mjs')).href);
  const browser = await chromium.launch({
    executablePath: orders.browser,
    args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
  const page = await browser.newPage({ viewport });
  page.setDefaultTimeout(orders.timeout);
  const saw = { console: [] };
  page.on('pageerror', e => saw.console.push(`uncaught: ${e.stack ?? e}`));
  page.on('console', m => {
    if (m.type() === 'error') saw.console.push(`${m.text()} (${m.location().url})`);
  });
  return { browser, page, orders, saw };
}

// idle waits until the notebook in front is connected to a kernel that has nothing to do. In the page, current() is that notebook.
export async function idle(page) {
  await page.evaluate(() => { window.current = () => window.jupyterapp.shell.currentWidget; });
  await page.waitForFunction(() => current()?.sessionContext?.session?.kernel?.status === 'idle');
}

// reveal scrolls to a cell, which JupyterLab may not have drawn yet, and returns its element.
export async function reveal(page, index) {
  await page.evaluate(i => current().content.scrollToItem(i, 'center'), index);
  const cell = page.locator(`.jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell[data-windowed-list-index="${index}"]`);
  await cell.waitFor();
  await cell.scrollIntoViewIfNeeded();
  return cell;
}
