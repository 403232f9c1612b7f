// Uses JupyterLab's debugger panel on live cells: switch it on, click a breakpoint, run, look, step into an earlier cell, go on, switch
// it off. Takes its orders as JSON in argv[2], prints what it saw as JSON.
//
// orders: as person.mjs has them; the notebook has three cells, and the last calls a function of the second on its third line
import { join } from 'node:path';

import { idle, start } from './browser.mjs';

const { browser, page, orders, saw } = await start({ width: 1500, height: 1000 });

let step = 'open';
try {
  await page.goto(`${orders.base}lab/tree/${encodeURIComponent(orders.notebook)}?reset&token=${orders.token}`);
  await page.locator('.jp-NotebookPanel .jp-Cell').first().waitFor();
  await idle(page);
  for (const i of [0, 1]) {
    await begin(i);
    await ended(i);
  }

  step = 'switch on';
  await page.locator('.jp-DebuggerBugButton').click();
  await cell(2).locator('.cm-gutter.cm-breakpoint-gutter').waitFor();

  step = 'breakpoint';
  const line = await cell(2).locator('.cm-line').nth(2).boundingBox();
  const gutter = await cell(2).locator('.cm-gutter.cm-breakpoint-gutter').boundingBox();
  await page.mouse.click(gutter.x + gutter.width / 2, line.y + line.height / 2);
  await page.locator('.jp-DebuggerBreakpoint').waitFor();
  await begin(2);
  await stopped('cell[3]', 'x');
  saw.stopped = await panel();
  await shot('stopped');

  step = 'step in';
  await page.evaluate(() => window.jupyterapp.commands.execute('debugger:stepIn'));
  await stopped('scale', 'n');
  saw.inside = await panel();
  await shot('inside');

  step = 'continue';
  await page.evaluate(() => window.jupyterapp.commands.execute('debugger:continue'));
  await ended(2);
  saw.result = await output(2);

  step = 'switch off';
  await page.locator('.jp-DebuggerBugButton').click();
  await page.locator('.cm-gutter.cm-breakpoint-gutter').first().waitFor({ state: 'detached' });
  await begin(2); // stops nowhere
  await ended(2);
  saw.again = await output(2);
  process.stdout.write(JSON.stringify(saw));
} catch (e) {
  saw.failed = await panel().catch(() => {});
  await shot('failed').catch(() => {});
  console.error(`${step}: ${e.message}\nsaw: ${JSON.stringify(saw, null, 1)}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}

function shot(name) { return page.screenshot({ path: join(orders.shots, `${name}.png`) }); }

function cell(i) { return page.locator(`.jp-Notebook .jp-Cell[data-windowed-list-index="${i}"]`); }

async function begin(i) {
  await cell(i).locator('.cm-content').click();
  await page.evaluate(() => { window.before = current().content.activeCell.model.executionCount ?? 0; });
  await page.keyboard.press('Control+Enter');
}

function ended(i) {
  return page.waitForFunction(i => {
    const m = current().content.widgets[i].model;
    return m.executionCount > window.before && m.executionState === 'idle' && current().sessionContext.session.kernel.status === 'idle';
  }, i);
}

// stopped waits until the panel shows a stop in a function, with a variable of it.
function stopped(name, variable) {
  return page.waitForFunction(([name, variable]) => {
    const text = s => document.querySelector(s)?.innerText ?? '';
    return text('.jp-DebuggerCallstack').includes(name) && new RegExp(`\\b${variable}\\b`).test(text('.jp-DebuggerVariables'));
  }, [name, variable]);
}

async function panel() {
  return {
    calls: await page.locator('.jp-DebuggerCallstack').innerText(),
    variables: await page.locator('.jp-DebuggerVariables').first().innerText(),
  };
}

function output(i) {
  return page.evaluate(i => current().content.widgets[i].model.sharedModel.getOutputs().map(o => [o.text ?? o.data?.['text/plain'] ?? o.traceback ?? ''].flat().join('')).join('\n'), i);
}
