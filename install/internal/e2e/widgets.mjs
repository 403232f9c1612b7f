// Uses widgets in JupyterLab as a person would: runs the notebook, moves sliders, clicks buttons, chooses from menus, loads the page
// anew. Takes its orders as JSON in argv[2], prints what it saw as JSON, and exits with 1 and a line of explanation if it could not go on.
//
// orders: playwright (folder of playwright-core), browser (program), base (server's address), token, notebook (path on the server),
//         shots (folder for screenshots), timeout (ms), steps: list of { do, cell, … } as below
import { join } from 'node:path';

import { idle, reveal, start } from './browser.mjs';

const { browser, page, orders, saw } = await start({ width: 1280, height: 1400 });
Object.assign(saw, { cells: [], steps: [] });
try {
  await page.goto(`${orders.base}lab/tree/${encodeURIComponent(orders.notebook)}?reset&token=${orders.token}`);
  await page.locator('.jp-NotebookPanel .jp-Cell').first().waitFor();
  await idle(page);
  // One cell after the other: JupyterLab runs the scripts of outputs that it shows, so a cell below the window's end would wait for its own.
  const count = await page.evaluate(() => current().content.widgets.length);
  for (let i = 0; i < count; i++) await run(page, i);
  saw.cells = await page.evaluate(() => current().content.widgets.filter(w => w.model.type === 'code').map(w => w.model.sharedModel.getOutputs()
    .map(o => [o.text ?? o.data?.['text/plain'] ?? `${o.ename}: ${o.evalue}`].flat().join('')).join('\n').slice(0, 4000)));

  for (const [n, step] of orders.steps.entries()) {
    const output = await shown(page, step.cell ?? 0);
    const target = step.target && output.locator(step.target).nth(step.nth ?? 0);
    switch (step.do) {
      case 'press': // keys, on a focused element
        await target.focus();
        for (const key of [step.keys].flat()) await page.keyboard.press(key);
        break;
      case 'click':
        await target.click();
        break;
      case 'type':
        await target.fill(step.text);
        break;
      case 'choose':
        await target.selectOption({ label: step.text });
        break;
      case 'set': // a plain input, as a mouse would
        await target.evaluate((el, value) => {
          el.value = value;
          el.dispatchEvent(new Event('input'));
          el.dispatchEvent(new Event('change'));
        }, step.text);
        break;
      case 'upload': // a file, by the button that asks for one
        await Promise.all([
          page.waitForEvent('filechooser').then(c => c.setFiles({ name: step.name, mimeType: 'text/plain', buffer: Buffer.from(step.text) })),
          target.click(),
        ]);
        break;
      case 'run':
        await run(page, step.cell);
        break;
      case 'reload':
        await page.evaluate(() => window.jupyterapp.commands.execute('docmanager:save'));
        await page.goto(`${orders.base}lab/tree/${encodeURIComponent(orders.notebook)}?reset&token=${orders.token}`);
        await page.locator('.jp-NotebookPanel .jp-Cell').first().waitFor();
        await idle(page);
        break;
    }
    let text = '';
    if (step.until !== undefined) {
      const until = (await shown(page, step.cell ?? 0)).locator(step.in ?? ':scope');
      const pattern = new RegExp(step.until);
      for (const end = Date.now() + (step.timeout ?? 30_000); ; await page.waitForTimeout(50)) {
        text = (await until.allInnerTexts()).join('\n');
        if (pattern.test(text) || Date.now() > end) break;
      }
    }
    saw.steps.push(text);
    await page.screenshot({ path: join(orders.shots, `step-${n + 1}.png`) });
  }
  process.stdout.write(JSON.stringify(saw));
} catch (e) {
  await page.screenshot({ path: join(orders.shots, 'failed.png') }).catch(() => {});
  console.error(`${e.message}\nsteps: ${JSON.stringify(saw.steps)}\nconsole: ${saw.console.join('\n')}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}

// run runs a cell and waits until it has ended, and all that it shows is drawn.
async function run(page, index) {
  const before = await page.evaluate(i => current().content.widgets[i].model.executionCount ?? 0, index);
  await page.evaluate(i => {
    current().content.activeCellIndex = i;
    current().content.scrollToItem(i, 'center');
  }, index);
  await page.evaluate(() => { window.jupyterapp.commands.execute('notebook:run-cell'); });
  await page.waitForFunction(([i, n]) => {
    const m = current().content.widgets[i].model;
    return m.executionState !== 'running' && m.executionCount !== null && m.executionCount > n;
  }, [index, before]);
  await idle(page);
}

// shown scrolls to the output of a cell and returns its element.
async function shown(page, index) { return (await reveal(page, index)).locator('.jp-Cell-outputArea'); }
