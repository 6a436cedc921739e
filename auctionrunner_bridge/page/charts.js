// ---- The last hour as two charts and a table

const SPANS_MIN = [10, 30, 60];  // What is drawn, for as long as there is no more.
const BOX = {width: 500, height: 168, left: 50, right: 6, top: 10, bottom: 22};
const ACROSS = BOX.width - BOX.left - BOX.right;
const yOf = (share) => BOX.height - BOX.bottom - (BOX.height - BOX.top - BOX.bottom) * share;

// 1, 2 or 5 times a power of ten, at least `value`.
function niceAbove(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  return [1, 2, 5, 10].map((times) => times * power).find((nice) => nice >= value * 0.999999);
}

function perSecondScale(highest) {
  const top = Math.max(niceAbove(highest), 0.5);
  return {
    share: (value) => value / top,
    ticks: [0, 0.5, 1].map((part) => ({share: part, text: String(Number((top * part).toPrecision(3)))})),
  };
}

// Decades of milliseconds.
function latencyScale(lowest, highest) {
  const low = Math.floor(Math.log10(Math.max(lowest, 1)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(highest, 1))));
  const ticks = [];
  for (let power = low; power <= high; ++power) ticks.push({share: (power - low) / (high - low), text: duration(10 ** power)});
  return {share: (value) => Math.max(0, (Math.log10(Math.max(value, 1)) - low) / (high - low)), ticks};
}

// Runs of steps that have a value: [[step, value], ...] each.
function runsOf(values) {
  const runs = [];
  values.forEach((value, step) => {
    if (value === null) return;
    const last = runs[runs.length - 1];
    if (last && last[last.length - 1][0] === step - 1) last.push([step, value]);
    else runs.push([[step, value]]);
  });
  return runs;
}

const path = (points) => points.map(([x, y], at) => `${at ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');

function lineOf(name, values, scale, xOf) {
  const group = svg('g', {class: name});
  for (const run of runsOf(values)) {
    const points = run.map(([step, value]) => [xOf(step), yOf(Math.min(1, scale.share(value)))]);
    if (points.length === 1) group.append(svg('circle', {cx: points[0][0], cy: points[0][1], r: 2.5}));
    else group.append(svg('path', {class: 'line', d: path(points)}));
  }
  return group;
}

function areaOf(name, values, scale, xOf) {
  const points = [];
  const width = xOf(1) - xOf(0);
  values.forEach((value, step) => {
    const x = xOf(step) - width / 2, y = yOf(Math.min(1, scale.share(value || 0)));
    points.push([x, y], [x + width, y]);
  });
  if (points.length === 0) return svg('g', {class: name});
  const base = yOf(0);
  return svg('g', {class: name}, svg('path', {class: 'area', d: `${path([[points[0][0], base], ...points, [points[points.length - 1][0], base]])}Z`}));
}

class Chart {
  // `series`: [{name, label, of(history, step)}]
  constructor(id, title, series) {
    Object.assign(this, {series, history: null});
    this.svg = svg('svg', {viewBox: `0 0 ${BOX.width} ${BOX.height}`, role: 'img', 'aria-labelledby': `${id}-title ${id}-text`});
    this.readout = el('span', {class: 'readout', 'aria-hidden': 'true'});
    this.text = el('p', {class: 'unseen', id: `${id}-text`});
    this.legend = el('span', {class: 'legend'}, series.map(({name, label}) => el('span', {},
      svg('svg', {class: `key ${name}`, viewBox: '0 0 22 8', 'aria-hidden': 'true'}, svg('path', {class: 'line', d: 'M1 4H21'})), label)));
    this.figure = el('figure', {}, el('figcaption', {}, el('span', {class: 'title', id: `${id}-title`}, title), this.legend, this.readout),
      this.svg, this.text);
    this.svg.addEventListener('pointermove', (event) => this.point(event));
    this.svg.addEventListener('pointerleave', () => this.pointed(null));
  }

  // Steps are at their place in time: a young history begins further right.
  draw(history, scale, summary) {
    const minutes = SPANS_MIN.find((span) => history.auctions.length * history.step_s <= span * 60) || 60;
    const steps = (minutes * 60) / history.step_s;
    Object.assign(this, {history, steps});
    const xOf = this.xOf = (step) => BOX.left + (ACROSS * (step + 0.5)) / steps;
    const empty = steps - history.auctions.length;
    const end = new Date(history.until);
    const parts = scale.ticks.map(({share, text}) => svg('g', {class: 'grid'},
      svg('path', {d: `M${BOX.left} ${yOf(share).toFixed(1)}H${BOX.width - BOX.right}`}),
      svg('text', {x: BOX.left - 6, y: yOf(share) + 4, 'text-anchor': 'end'}, text)));
    for (const part of [0, 0.25, 0.5, 0.75, 1]) {
      parts.push(svg('text', {x: BOX.left + ACROSS * part, y: BOX.height - 6, 'text-anchor': part === 0 ? 'start' : part === 1 ? 'end' : 'middle'},
        part === 1 ? 'now' : minuteTime(new Date(end - minutes * (1 - part) * 60000))));
    }
    for (const {name, of, area} of this.series) {
      const values = Array.from({length: steps}, (_, step) => (step < empty ? null : of(history, step - empty)));
      parts.push(area ? areaOf(name, values, scale, xOf) : lineOf(name, values, scale, xOf));
    }
    this.cursor = svg('path', {class: 'cursor', d: ''});
    this.svg.replaceChildren(...parts, this.cursor);
    setText(this.text, summary);
  }

  point(event) {
    if (!this.history) return;
    const box = this.svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * BOX.width;
    const step = Math.round(((x - BOX.left) / ACROSS) * this.steps - 0.5);
    this.pointed(step >= 0 && step < this.steps ? step : null);
  }

  pointed(step) {
    const history = this.history;
    const at = step === null || !history ? -1 : step - (this.steps - history.auctions.length);
    if (this.cursor) this.cursor.setAttribute('d', step === null ? '' : `M${this.xOf(step)} ${BOX.top}V${BOX.height - BOX.bottom}`);
    show(this.legend, step === null);
    if (step === null) return setText(this.readout, '');
    const time = new Date(Date.parse(history.until) - (this.steps - step) * history.step_s * 1000);
    const told = this.series.map(({label, of, unit}) => {
      const value = at < 0 ? null : of(history, at);
      return `${label} ${value === null ? '–' : unit(value)}`;
    });
    return setText(this.readout, `${clockTime(time)}  ${told.join('  ')}`);
  }
}

const perSecond = (value) => `${Number(value.toPrecision(3))}/s`;
const rateChart = new Chart('rate', 'Auctions per second', [
  {name: 'auctions', label: 'auctions', area: true, of: (h, at) => h.auctions[at] / h.step_s, unit: perSecond},
  {name: 'running', label: 'came to run', of: (h, at) => h.running[at] / h.step_s, unit: perSecond}]);
const waitChart = new Chart('wait', 'Time from auction to running', [
  {name: 'half', label: 'p50', of: (h, at) => h.to_running_p50_ms[at], unit: duration},
  {name: 'most', label: 'p99', of: (h, at) => h.to_running_p99_ms[at], unit: duration}]);
byId('charts').append(rateChart.figure, waitChart.figure);

const sum = (values) => values.reduce((a, b) => a + b, 0);
const largest = (values) => values.reduce((a, b) => (b !== null && (a === null || b > a) ? b : a), null);

function median(values) {
  const known = values.filter((value) => value !== null).sort((a, b) => a - b);
  return known.length ? known[Math.floor((known.length - 1) / 2)] : null;
}

function showHourTable(history) {
  const table = byId('hour-table');
  if (!table.closest('details').open) return;
  const steps = history.auctions.length, perRow = 30;
  const rows = [];
  for (let end = steps; end > 0; end -= perRow) {
    const part = (values) => values.slice(Math.max(0, end - perRow), end);
    const from = new Date(Date.parse(history.until) - (steps - Math.max(0, end - perRow)) * history.step_s * 1000);
    const to = new Date(Date.parse(history.until) - (steps - end) * history.step_s * 1000);
    const told = (value) => (value === null ? '–' : duration(value));
    rows.push(el('tr', {}, el('th', {scope: 'row'}, `${minuteTime(from)} to ${minuteTime(to)}`),
      [count(sum(part(history.auctions))), perSecond(largest(part(history.auctions)) / history.step_s),
        count(sum(part(history.running))), count(sum(part(history.unplaced))), count(sum(part(history.ended))),
        told(median(part(history.to_running_p50_ms))), told(largest(part(history.to_running_p99_ms)))]
        .map((text) => el('td', {class: 'number'}, text))));
  }
  table.replaceChildren(
    el('caption', {class: 'unseen'}, 'The last hour, the newest five minutes first'),
    el('thead', {}, el('tr', {}, ['Time', 'Auctions', 'Most in a second', 'Came to run', 'Without a place', 'Ended', 'p50', 'Highest p99']
      .map((text, at) => el('th', {scope: 'col', class: at ? 'number' : null}, text)))),
    el('tbody', {}, rows));
}

function showHistory(history) {
  const rates = [...history.auctions, ...history.running].map((value) => value / history.step_s);
  rateChart.draw(history, perSecondScale(largest(rates) || 0),
    `In the last hour ${count(sum(history.auctions))} auctions, ${count(sum(history.running))} instances came to run, ` +
    `${count(sum(history.unplaced))} found no place.`);
  const waits = [...history.to_running_p50_ms, ...history.to_running_p99_ms].filter((value) => value !== null);
  const low = waits.length ? waits.reduce((a, b) => Math.min(a, b)) : 10;
  waitChart.draw(history, latencyScale(low, largest(waits) || 1000), waits.length
    ? `Half ran within ${duration(median(history.to_running_p50_ms))} in the usual ten seconds; the highest p99 was ` +
      `${duration(largest(history.to_running_p99_ms))}.` : 'Nothing came to run in the last hour.');
  showHourTable(history);
}
