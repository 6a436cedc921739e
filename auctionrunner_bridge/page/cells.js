// ---- Zones, and the cells of one of them

const CELLS_PAGE = 50;
const SEGMENTS_MAX = 48;
const INSTANCES_SHOWN = 100;
const MARKS = {
  '': 'all', starting: 'starting', up: 'up', idle: 'idle', stopping: 'stopping', none: 'agents without a cell', draining: 'draining',
  quarantined: 'quarantined', outdated: 'outdated', unwell: 'unwell',
};
const chosen = {zone: null, mark: '', match: ''};  // zone null: all.
const cellPages = new Pages(byId('cells-pages'), () => refreshNow('cells'));
let zonesKnown = [];

function choose(change) {
  Object.assign(chosen, change);
  cellPages.first();
  showZones(zonesKnown);
  refreshNow('cells');
}

const zoneName = (zone) => (zone === '' ? '(no zone)' : zone);

function meter(used, total, label) {
  const part = el('span', {class: 'used'});
  const bar = el('span', {class: 'meter', role: 'img'}, part);
  return {
    node: bar,
    update(nowUsed, nowTotal) {
      part.style.width = `${Math.min(100, percent(nowUsed, nowTotal))}%`;
      setAttribute(bar, 'aria-label', `${percent(nowUsed, nowTotal)} % ${label}`);
    },
  };
}

// Ten bars: how many cells have so many tenths of their memory in use.
function fillBars() {
  const bars = Array.from({length: 10}, (_, at) => svg('rect', {x: at * 9, width: 8, y: 22, height: 0}));
  const node = svg('svg', {class: 'fills', viewBox: '0 0 89 24', role: 'img'}, svg('path', {class: 'axis', d: 'M0 23.5H89'}), bars);
  return {
    node,
    update(tenths) {
      const most = Math.max(1, ...tenths);
      tenths.forEach((cells, at) => {
        const height = cells === 0 ? 0 : Math.max(1.5, (22 * cells) / most);
        bars[at].setAttribute('y', String(23 - height));
        bars[at].setAttribute('height', String(height));
      });
      setAttribute(node, 'aria-label', 'Cells by tenth of memory used: ' +
        tenths.map((cells, at) => [cells, at]).filter(([cells]) => cells > 0)
          .map(([cells, at]) => `${count(cells)} at ${at * 10} to ${at * 10 + 10} %`).join(', '));
    },
  };
}

function zoneRow() {
  let zone = null;
  const name = el('button', {type: 'button', class: 'link name', onclick: () => choose({zone: zone.all ? null : zone.zone})});
  const cells = el('td', {class: 'number'}), instances = el('td', {class: 'number'});
  const bar = meter(0, 0, 'of the memory is used'), memory = el('span', {class: 'amount'});
  const fills = fillBars();
  const besides = el('td', {class: 'marks'});
  const row = el('tr', {}, el('th', {scope: 'row'}, name), cells, instances, el('td', {class: 'wide-bar'}, bar.node, memory),
    el('td', {}, fills.node), besides);
  return {
    nodes: [row],
    update(item) {
      zone = item;
      setText(name, zone.all ? 'All zones' : zoneName(zone.zone));
      const pressed = zone.all ? chosen.zone === null : chosen.zone === zone.zone;
      setAttribute(name, 'aria-pressed', String(pressed));
      row.classList.toggle('chosen', pressed);
      setText(cells, count(zone.cells));
      setText(instances, count(zone.instances));
      bar.update(zone.memory_used_mb, zone.memory_total_mb);
      setText(memory, `${percent(zone.memory_used_mb, zone.memory_total_mb)} % of ${megabytes(zone.memory_total_mb)}`);
      fills.update(zone.memory_tenths);
      const marks = ['starting', 'idle', 'stopping', 'draining', 'quarantined', 'outdated', 'unwell'].filter((mark) => zone[mark] > 0);
      const told = marks.map((mark) => `${zone[mark]} ${mark}`).join();
      if (besides.dataset.told === told) return;
      besides.dataset.told = told;
      besides.replaceChildren(...marks.map((mark) => el('button', {type: 'button', class: `mark ${mark}`,
        onclick: () => {
          byId('cells-mark').value = mark;
          choose({zone: zone.all ? null : zone.zone, mark});
        }}, `${count(zone[mark])} ${MARKS[mark]}`)));
    },
  };
}
const zoneRows = new Rows(byId('zones').tBodies[0], (zone) => (zone.all ? 'all' : `zone ${zone.zone}`), zoneRow);

function total(zones) {
  const all = {all: true, zone: ''};
  for (const zone of zones) {
    for (const [name, value] of Object.entries(zone)) {
      if (typeof value === 'number') all[name] = (all[name] || 0) + value;
    }
    all.memory_tenths = zone.memory_tenths.map((cells, at) => cells + (all.memory_tenths ? all.memory_tenths[at] : 0));
  }
  return all;
}

function showZones(zones) {
  zonesKnown = zones;
  if (chosen.zone !== null && !zones.some((zone) => zone.zone === chosen.zone)) chosen.zone = null;
  zoneRows.update(zones.length > 1 ? [total(zones), ...zones] : zones.length === 1 ? [{...zones[0], only: true}] : []);
  show(byId('zones'), zones.length > 0);
  show(byId('zones-none'), zones.length === 0);
  setText(byId('cells-title'), chosen.zone === null ? 'Cells' : `Cells in ${chosen.zone === '' ? 'no zone' : `zone ${chosen.zone}`}`);
}

// ---- One cell

// What is in its bar: instances of one process side by side as one part, the smallest together at the end.
function segmentsOf(cell) {
  const byProcess = new Map();
  for (const one of cell.instances) {
    const guid = one.kind === 'lrp' ? one.process_guid : one.task_guid;
    const key = `${one.kind}/${guid}`;
    const known = byProcess.get(key);
    const waits = one.state !== 'running';
    if (known) {
      known.memory += one.memory_mb;
      known.instances += 1;
      known.waits = known.waits && waits;
    } else {
      byProcess.set(key, {guid, task: one.kind === 'task', memory: one.memory_mb, instances: 1, waits});
    }
  }
  const parts = [...byProcess.values()];
  if (parts.length <= SEGMENTS_MAX) return parts;
  const rest = parts.splice(SEGMENTS_MAX - 1);
  parts.push({guid: `${count(rest.length)} more`, memory: sum(rest.map((part) => part.memory)), instances: sum(rest.map((part) => part.instances))});
  return parts;
}

function segment(part, whole, at) {
  const found = chosen.match !== '' && part.guid.includes(chosen.match);
  const classes = ['segment', at % 2 ? 'odd' : '', part.task ? 'task' : '', part.waits ? 'waits' : '', found ? 'found' : ''].filter(Boolean);
  return el('span', {class: classes.join(' '), style: {width: `${(100 * part.memory) / whole}%`},
    title: `${part.guid}: ${counted(part.instances, 'instance')}, ${megabytes(part.memory)}`});
}

function stateWords(cell) {
  const words = [cell.state === 'none' ? 'no cell' : cell.state];
  if (cell.draining) words.push(`draining (${cell.draining})`);
  if (cell.quarantined_until) words.push(`quarantined until ${clockTime(new Date(cell.quarantined_until))}`);
  if (cell.outdated) words.push('outdated');
  if (cell.rep && cell.rep.state !== 'up') words.push(`rep ${cell.rep.state}`);
  return words;
}
const toneOf = (cell) => (cell.state === 'up' || cell.state === 'idle' ? 'good' : 'quiet');

function instanceRow() {
  let one = null;
  const name = el('button', {type: 'button', class: 'link name', onclick: () => explain(one)});
  const kind = el('td', {}), state = el('td', {}), memory = el('td', {class: 'number'});
  const stop = el('button', {type: 'button', class: 'danger', onclick: () => stopInstance(one)}, 'Stop');
  return {
    nodes: [el('tr', {}, el('th', {scope: 'row'}, name), kind, state, memory, el('td', {class: 'acts'}, stop))],
    update(item) {
      one = item;
      setText(name, keyName(one));
      setText(kind, kindName(one));
      setText(state, one.state);
      setText(memory, megabytes(one.memory_mb));
      setAttribute(name, 'aria-label', `Explain ${keyName(one)}`);
      setAttribute(stop, 'aria-label', `Stop ${keyName(one)}`);
    },
  };
}

function cellDetails() {
  const facts = el('dl', {class: 'facts'});
  const body = el('tbody', {});
  const instances = new Rows(body, sameKey, instanceRow);
  const list = el('table', {class: 'rows'}, el('caption', {class: 'unseen'}, 'Its instances'),
    el('thead', {}, el('tr', {}, ['Instance', 'Kind', 'State', 'Memory', ''].map((title, at) =>
      el('th', {scope: 'col', class: at === 3 ? 'number' : null}, title || el('span', {class: 'unseen'}, 'Actions'))))), body);
  const more = el('p', {class: 'note'});
  return {
    nodes: [facts, list, more],
    update(cell) {
      const rep = cell.rep;
      const words = (list) => (list.length ? list.join(', ') : '–');
      facts.replaceChildren(fact('Agent', cell.agent_id), fact('Host', cell.agent_hostname), fact('Zone', zoneName(cell.zone)),
        ...(cell.cell_id ? [fact('Since', `${clockTime(new Date(cell.since))}, ${since(cell.since)} ago`),
          fact('Disk', `${megabytes(cell.disk_used_mb)} of ${megabytes(cell.disk_total_mb)}`),
          fact('CPU', `${cell.cpus_used_milli / 1000}`), fact('Executor', cell.executor_id)] : []),
        ...(rep ? [fact('Rep', `${rep.state}, ${megabytes(rep.memory_available_mb)} left, ${count(rep.containers_available)} of ` +
          `${count(rep.containers_total)} containers left`), fact('Root file systems', words(rep.rootfs)),
        fact('Placement tags', words([...rep.placement_tags, ...rep.optional_placement_tags.map((tag) => `${tag} (optional)`)])),
        fact('Volume drivers', words(rep.volume_drivers))] : []),
        ...(cell.drifts ? [fact('Drifts', count(cell.drifts))] : []));
      const found = chosen.match === '' ? [] : cell.instances.filter((one) => keyName(one).includes(chosen.match));
      const first = new Set(found);
      const shown = [...found, ...cell.instances.filter((one) => !first.has(one))].slice(0, INSTANCES_SHOWN);
      instances.update(shown);
      show(list, shown.length > 0);
      const left = cell.instances.length - shown.length;
      setText(more, left > 0 ? `${count(left)} more; find one by its app above.` : cell.instances.length ? '' : 'Nothing is on it.');
    },
  };
}

let rowNumber = 0;
function cellRow() {
  let cell = null, details = null;
  const id = `cell-${++rowNumber}`;
  const name = el('span', {class: 'name'}), under = el('span', {class: 'under'});
  const inside = el('td', {colspan: 5, class: 'inside'});
  const below = el('tr', {id, hidden: true, class: 'below'}, inside);
  const open = el('button', {type: 'button', class: 'open', 'aria-expanded': 'false', 'aria-controls': id, onclick: () => {
    const opening = below.hidden;
    if (opening && !details) {
      details = cellDetails();
      inside.append(...details.nodes);
    }
    show(below, opening);
    open.setAttribute('aria-expanded', String(opening));
    if (opening) details.update(cell);
  }}, name);
  const state = el('span', {class: 'pill'});
  const more = el('ul', {class: 'also'});
  const parts = el('span', {class: 'meter segments', role: 'img'}), memory = el('span', {class: 'amount'});
  const instances = el('td', {class: 'number'});
  const act = el('button', {type: 'button', onclick: () => (cell.draining === 'operator' ? cancelDrain(cell) : drain(cell))});
  const row = el('tr', {}, el('th', {scope: 'row'}, open, under), el('td', {class: 'state'}, state, more),
    el('td', {class: 'wide-bar'}, parts, memory), instances, el('td', {class: 'acts'}, act));
  let drawn = '', drawnAlso = '';
  return {
    nodes: [row, below],
    update(item) {
      cell = item;
      setText(name, cell.cell_id || 'no cell');
      setText(under, [cell.agent_hostname, chosen.zone === null ? cell.zone : '', `agent ${shortId(cell.agent_id)}`].filter(Boolean).join(', '));
      const words = stateWords(cell);
      setText(state, words[0]);
      setAttribute(state, 'data-tone', toneOf(cell));
      const also = words.slice(1);
      if (also.join() !== drawnAlso) more.replaceChildren(...also.map((word) => el('li', {}, word)));
      drawnAlso = also.join();
      const whole = Math.max(cell.memory_total_mb, cell.memory_used_mb, 1);
      const segments = segmentsOf(cell);
      const drawing = JSON.stringify([segments, whole, chosen.match]);
      if (drawing !== drawn) {
        drawn = drawing;
        parts.replaceChildren(...segments.map((part, at) => segment(part, whole, at)));
        setAttribute(parts, 'aria-label', `${megabytes(cell.memory_used_mb)} of ${megabytes(cell.memory_total_mb)} used by ` +
          `${counted(cell.instances.length, 'instance')} of ${counted(segments.length, 'app')}`);
      }
      setText(memory, `${megabytes(cell.memory_used_mb)} of ${megabytes(cell.memory_total_mb)}`);
      setText(instances, count(cell.instances.length));
      const drained = cell.draining === 'operator';
      setText(act, drained ? 'Undrain' : 'Drain');
      act.classList.toggle('danger', !drained);
      setAttribute(act, 'aria-label', `${drained ? 'Cancel the drain of' : 'Drain'} ${agentName(cell)}`);
      if (details && !below.hidden) details.update(cell);
    },
  };
}
const cellRows = new Rows(byId('cells').tBodies[0], (cell) => cell.agent_id, cellRow);

function cellsQuery() {
  const query = new URLSearchParams({limit: CELLS_PAGE});
  if (chosen.zone !== null) query.set('zone', chosen.zone);
  if (chosen.mark) query.set('mark', chosen.mark);
  if (chosen.match) query.set('match', chosen.match);
  if (cellPages.after) query.set('after', cellPages.after);
  return query.toString();
}

// How many there are in all, where the zones tell it.
function cellsInAll() {
  if (chosen.match || zonesKnown.length === 0) return null;
  const zone = chosen.zone === null ? total(zonesKnown) : zonesKnown.find((one) => one.zone === chosen.zone);
  return zone ? zone[chosen.mark || 'cells'] : null;
}

function cellsNote(shown) {
  if (shown === 0) return '';
  const first = (cellPages.number - 1) * CELLS_PAGE + 1, inAll = cellsInAll();
  if (first === 1 && cellPages.next === null) return counted(shown, 'cell');
  return `${count(first)} to ${count(first + shown - 1)}${inAll === null ? '' : ` of ${count(inAll)}`}`;
}

async function refreshCells() {
  const query = cellsQuery();
  const page = await api('GET', `/v1/cells?${query}`);
  if (query !== cellsQuery()) return;
  if (page.cells.length === 0 && cellPages.after) {
    cellPages.first();
    return refreshCells();
  }
  cellRows.update(page.cells);
  cellPages.update(page.next);
  setText(byId('cells-note'), cellsNote(page.cells.length));
  show(byId('cells'), page.cells.length > 0);
  show(byId('cells-none'), page.cells.length === 0 && (chosen.match !== '' || chosen.mark !== ''));
}

async function refreshZones() {
  showZones((await api('GET', '/v1/zones')).zones);
}

byId('cells-mark').append(...Object.entries(MARKS).map(([value, text]) => el('option', {value}, text)));
byId('cells-mark').addEventListener('change', (event) => choose({mark: event.target.value}));
let typing = 0;
byId('cells-match').addEventListener('input', (event) => {
  clearTimeout(typing);
  typing = setTimeout(() => choose({match: event.target.value.trim()}), 250);
});
