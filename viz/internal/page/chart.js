// Turns the static pictures of charts into live ones. Runs once a page, in the output that carries ECharts;
// `load(exports)` runs ECharts' own code.
if (window.golabCharts) return;
var echarts = {};

function dark() {
  var b = document.body;
  return b.dataset.jpThemeLight === 'false' || b.classList.contains('vscode-dark');
}

// follow keeps one element's chart in step with it: drawn while it is visible, disposed of when it is not, so that
// outputs which were replaced leave nothing behind.
function follow(el) {
  var img = el.querySelector('img'), chart = null, box = null, wasDark;
  function drop() {
    chart.dispose();
    box.remove();
    chart = box = null;
    img.style.visibility = '';
  }
  function draw() {
    var visible = el.isConnected && el.clientWidth > 0 && el.clientHeight > 0;
    if (chart && (!visible || dark() !== wasDark)) drop();
    if (!visible) return;
    if (chart) {
      chart.resize();
      return;
    }
    box = document.createElement('div');
    box.style.cssText = 'position:absolute;left:0;top:0;width:100%;height:100%';
    el.appendChild(box);
    wasDark = dark();
    chart = echarts.init(box, wasDark ? 'dark' : null);
    try {
      var option = el.golab();
      if (option.animation === undefined) option.animation = false;
      if (!option.backgroundColor) option.backgroundColor = 'transparent';
      chart.setOption(option);
      img.style.visibility = 'hidden';
    } catch (e) {
      console.warn('golab: this chart stays a picture:', e);
      el.golabDraw = null;
      seen.disconnect();
      drop();
    }
  }
  var seen = new ResizeObserver(draw);
  // Observing anew makes the observer report at the next frame at which the element has a size: a theme that is being
  // changed may leave it without one for a moment.
  el.golabDraw = function () {
    seen.unobserve(el);
    seen.observe(el);
  };
  seen.observe(el);
}

function all(f) {
  document.querySelectorAll('.golab-chart').forEach(f);
}

var ready = false;
window.golabCharts = function () {
  if (ready) all(function (el) {
    if (el.golab && !('golabDraw' in el)) follow(el);
  });
};

function start() {
  ready = true;
  window.golabCharts();
  new MutationObserver(function () {
    all(function (el) {
      if (el.golabDraw) el.golabDraw();
    });
  }).observe(document.body, {attributes: true, attributeFilter: ['data-jp-theme-light', 'class']});
}

var packed = Uint8Array.from(atob(library), function (c) { return c.charCodeAt(0); });
new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'))).text().then(function (code) {
  // ECharts is UMD: shadowing these keeps it from hiding in a page's require.js, and the page's globals as they are.
  window.golabExports = echarts;
  var s = document.createElement('script');
  s.textContent = '(function(exports, module, define){' + code + '\n})(window.golabExports, {}, undefined)';
  document.head.appendChild(s);
  s.remove();
  delete window.golabExports;
  start();
}).catch(function (e) {
  console.warn('golab: charts stay pictures:', e);
});
