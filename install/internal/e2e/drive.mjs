// Drives JupyterLab in a headless browser as a person would: open a notebook, run all of it, look at the charts, edit a cell, run it.
// Takes its orders as JSON in argv[2], prints what it saw as JSON, and exits with 1 and a line of explanation if it could not go on.
//
// orders: playwright (folder of playwright-core), browser (program), base (server's address), token, notebook (path on the server),
//         edit (index of a cell, and the source to put there), shots (folder for screenshots), timeout (ms)
import { join } from 'node:path';

import { idle, reveal, start } from './browser.mjs';

const { browser, page, orders, saw } = await start({ width: 1280, height: 1000 });
Object.assign(saw, { cells: [], charts: [], edited: {} });
try {
  await page.goto(`${orders.base}lab/tree/${encodeURIComponent(orders.notebook)}?reset&token=${orders.token}`);
  await page.locator('.jp-NotebookPanel .jp-Cell').first().waitFor();
  await idle(page);

  // A person runs all cells from the menu.
  await page.locator('.lm-MenuBar-itemLabel', { hasText: /^Run$/ }).click();
  await page.locator('.lm-Menu-itemLabel', { hasText: /^Run All Cells$/ }).click();
  await ran(page);
  saw.cells = await outputs(page);
  await page.keyboard.press('Escape');

  await lookAtCharts(page);

  {
    const { cell: index, source } = orders.edit;
    const before = (await outputs(page))[index].count;
    const cell = await reveal(page, index);
    await cell.locator('.cm-content').click();
    await page.keyboard.press('Control+a');
    await page.keyboard.insertText(source);
    await page.keyboard.press('Shift+Enter');
    await page.waitForFunction(([i, n]) => {
      const m = current().content.widgets[i].model;
      return m.executionState !== 'running' && m.executionCount !== null && m.executionCount > n;
    }, [index, before]);
    await idle(page);
    saw.edited = (await outputs(page))[index];
    await reveal(page, index);
    await page.screenshot({ path: join(orders.shots, 'edited.png') });
  }
  await page.keyboard.press('Control+s');
  process.stdout.write(JSON.stringify(saw));
} catch (e) {
  await page.screenshot({ path: join(orders.shots, 'failed.png') }).catch(() => {});
  console.error(`${e.message}\nconsole: ${saw.console.join('\n')}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}

// ran waits until every code cell that holds something has run, or one has failed, which keeps the rest from running.
async function ran(page) {
  await page.waitForFunction(() => {
    const models = current().content.widgets.map(w => w.model).filter(m => m.type === 'code' && m.sharedModel.getSource().trim());
    const failed = models.some(m => m.sharedModel.getOutputs().some(o => o.output_type === 'error'));
    return failed || models.every(m => m.executionCount !== null && m.executionState === 'idle');
  });
  await idle(page);
}

// outputs is what each cell of the notebook shows; long texts are cut.
function outputs(page) {
  return page.evaluate(() => current().content.widgets.map(w => {
    if (w.model.type !== 'code') return { type: w.model.type, source: w.model.sharedModel.getSource() };
    const all = w.model.sharedModel.getOutputs();
    const text = o => [o.text ?? o.data?.['text/plain'] ?? ''].flat().join('');
    return {
      type: 'code',
      source: w.model.sharedModel.getSource(),
      count: w.model.executionCount,
      text: all.map(text).join('\n').slice(0, 4000),
      mime: all.flatMap(o => Object.keys(o.data ?? {})),
      errors: all.filter(o => o.output_type === 'error').map(o => `${o.ename}: ${o.evalue}\n${(o.traceback ?? []).join('\n')}`),
    };
  }));
}

// lookAtCharts goes to every chart and notes what is drawn there: whether it is live, and how many colours it has.
async function lookAtCharts(page) {
  const count = (await outputs(page)).length;
  for (let i = 0; i < count; i++) {
    if (saw.cells[i].type !== 'code' || !saw.cells[i].mime?.includes('text/html')) continue;
    const charts = (await reveal(page, i)).locator('.golab-chart');
    for (const chart of await charts.all()) {
      await chart.scrollIntoViewIfNeeded();
      await chart.locator('canvas').first().waitFor({ timeout: 15_000 }).catch(() => {});
      const seen = await chart.evaluate(el => {
        const canvas = el.querySelector('canvas'), img = el.querySelector('img');
        const colours = new Set();
        if (canvas) {
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          for (let p = 0; p < data.length; p += 4) colours.add(data[p] << 24 | data[p + 1] << 16 | data[p + 2] << 8 | data[p + 3]);
        }
        const { width, height } = el.getBoundingClientRect();
        return { live: !!canvas, picture: !!img && img.complete && img.naturalWidth > 0, colours: colours.size, width, height };
      });
      saw.charts.push({ cell: i, ...seen });
      await page.screenshot({ path: join(orders.shots, `chart-${saw.charts.length}.png`) });
    }
  }
}
