// Does in JupyterLab or Notebook 7, in a headless browser, what a person does beside running cells: complete, look things up, answer
// input, interrupt, make mistakes, restart. Takes its orders as JSON in argv[2], prints what it saw as JSON.
//
// orders: playwright, browser, base, token, notebook, shots, timeout as drive.mjs; front ("lab" or "notebook")
import { join } from 'node:path';

import { idle, start } from './browser.mjs';

const { browser, page, orders, saw } = await start({ width: 1280, height: 1000 });

let step = 'open';
let before = null; // the count of the cell that was started
try {
  const path = orders.front === 'lab' ? 'lab/tree/' : 'notebooks/';
  await page.goto(`${orders.base}${path}${encodeURIComponent(orders.notebook)}?token=${orders.token}`);
  await page.locator('.jp-Notebook .jp-Cell').first().waitFor();
  await idle(page);

  step = 'completion';
  await write(0, 'shouted := strings.ToUp');
  await page.keyboard.press('Tab');
  await page.locator('.jp-Completer-item').first().waitFor();
  saw.completions = await page.locator('.jp-Completer-item').allInnerTexts();
  await shot('completion');
  await page.keyboard.press('Enter');
  await page.keyboard.type('("go")');
  saw.completed = await source(0);

  step = 'tooltip';
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Shift+Tab');
  await page.locator('.jp-Tooltip-content').waitFor();
  saw.tooltip = await page.locator('.jp-Tooltip-content').innerText();
  await shot('tooltip');
  await page.keyboard.press('Escape');
  await run(0);

  step = 'input';
  await write(1, 'var name string\nfmt.Print("who? ")\nfmt.Scanln(&name)\nfmt.Println("hello", name, shouted)');
  await begin(1);
  await answer('gopher');
  await ended(1);
  saw.input = await output(1);

  step = 'interrupt';
  await write(2, 'turns := 0\nfmt.Println("turning")\nfor {\n\tturns++\n}');
  await begin(2);
  await page.waitForFunction(() => current().content.widgets[2].model.sharedModel.getOutputs().length > 0);
  await press('notebook:interrupt-kernel', 'Interrupt the kernel');
  await ended(2);
  saw.interrupted = await output(2);
  await write(2, 'turns > 0 && shouted == "GO"');
  await run(2);
  saw.survived = await output(2);
  await write(2, 'strings.Repeat(shouted, 2)');

  step = 'mistake';
  await write(3, 'total := 0.0\nfor i := range 3 {\n\ttotal += i\n}\nfmt.Printn(totl)');
  await run(3);
  saw.mistake = await output(3);
  await reveal(3);
  await shot('mistake');
  await write(3, 'values := []int{1, 2, 3}\nfunc pick(i int) int { return values[i] }\nslices.SortFunc(values, func(a, b int) int { return pick(a) - b })');
  await run(3);
  saw.panic = await output(3);
  await reveal(3);
  await shot('panic');

  step = 'look';
  await write(3, 'fmt.Println?');
  await run(3);
  saw.pager = await output(3) + (await page.locator('.jp-Notebook-footer, .jp-Pager, .jp-OutputArea').allInnerTexts()).join('\n');
  await write(3, '%whos');
  await run(3);
  saw.whos = await output(3);
  await reveal(3);
  await shot('whos');

  step = 'restart and run all';
  await press('notebook:restart-run-all', 'Restart the kernel and run all cells');
  await page.locator('.jp-Dialog button.jp-mod-accept').click();
  await answer('again');
  await page.waitForFunction(() => current().content.widgets[3].model.executionCount === 4);
  await idle(page);
  saw.restarted = [await output(1), await output(2)];
  saw.counts = await page.evaluate(() => current().content.widgets.map(w => w.model.executionCount));
  await shot('restarted');
  process.stdout.write(JSON.stringify(saw));
} catch (e) {
  await shot('failed').catch(() => {});
  console.error(`${step}: ${e.message}\nsaw: ${JSON.stringify(saw, null, 1)}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}

function shot(name) { return page.screenshot({ path: join(orders.shots, `${name}.png`) }); }

// write replaces a cell's text, adding the cell if it isn't there, and leaves the cursor at its end.
async function write(i, text) {
  await page.evaluate(async i => {
    const { content } = current();
    while (content.widgets.length <= i) {
      content.activeCellIndex = content.widgets.length - 1;
      await jupyterapp.commands.execute('notebook:insert-cell-below');
    }
  }, i);
  await reveal(i);
  await cell(i).locator('.cm-content').click();
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(text);
}

function cell(i) { return page.locator(`.jp-Notebook .jp-Cell[data-windowed-list-index="${i}"]`); }

async function reveal(i) {
  await page.evaluate(i => current().content.scrollToItem(i, 'center'), i);
  await cell(i).waitFor();
  await cell(i).scrollIntoViewIfNeeded();
}

function source(i) { return page.evaluate(i => current().content.widgets[i].model.sharedModel.getSource(), i); }

async function begin(i) {
  before = await page.evaluate(i => current().content.widgets[i].model.executionCount, i);
  await page.keyboard.press('Control+Enter');
}

// ended waits until cell i has run since it was started.
async function ended(i) {
  await page.waitForFunction(([i, n]) => {
    const m = current().content.widgets[i].model;
    return m.executionState === 'idle' && m.executionCount !== null && m.executionCount !== n;
  }, [i, before]);
  await idle(page);
}

async function run(i) {
  await begin(i);
  await ended(i);
}

async function answer(text) {
  const box = page.locator('.jp-Stdin-input');
  await box.waitFor();
  await box.fill(text);
  await shot(`input-${text}`);
  await box.press('Enter');
}

function output(i) {
  return page.evaluate(i => current().content.widgets[i].model.sharedModel.getOutputs()
    .map(o => [o.text ?? o.data?.['text/plain'] ?? o.traceback ?? ''].flat().join(o.traceback ? '\n' : '')).join('\n'), i);
}

// press clicks a button of the notebook's toolbar.
async function press(command, title) {
  const button = page.locator(`jp-button[data-command="${command}"], .jp-ToolbarButtonComponent[data-command="${command}"]`).first();
  if (await button.count()) return button.click();
  return page.locator(`.jp-Toolbar [title^="${title}"]`).first().click();
}
