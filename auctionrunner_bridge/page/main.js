// ---- The scheduler as a whole, and when what is asked anew

function factsOf(overview) {
  const started = new Date(overview.started);
  return [['Master', overview.master], ['Framework', overview.framework_id || '–'], ['Strategy', overview.strategy],
    ['Version', overview.version], ['Up for', `${since(overview.started)}`, started.toLocaleString('en-GB')]];
}

const tiles = new Rows(byId('tiles'), (tile) => tile.name, () => {
  const name = el('span', {class: 'tile-name'}), value = el('span', {class: 'tile-value'}), under = el('span', {class: 'under'});
  const bar = meter(0, 0, 'used');
  const node = el('li', {}, name, value, bar.node, under);
  return {
    nodes: [node],
    update(tile) {
      setText(name, tile.name);
      setText(value, tile.value);
      setText(under, tile.under);
      setAttribute(node, 'data-tone', tile.tone || 'quiet');
      show(bar.node, tile.share !== undefined);
      if (tile.share !== undefined) bar.update(...tile.share);
    },
  };
});

function showTiles(overview) {
  const {lrps, tasks} = overview.instances;
  const both = (state) => lrps[state] + tasks[state];
  const cells = overview.cells;
  const all = cells.starting + cells.up + cells.idle + cells.stopping;
  const queued = both('queued'), long = overview.oldest_waiting_ms > 60000;
  const troubled = overview.agents_quarantined + overview.agents_leaving;
  const parts = (pairs) => pairs.filter(([number]) => number > 0).map(([number, word]) => `${count(number)} ${word}`).join(', ');
  tiles.update([
    {name: 'Running', value: count(both('running')), under: `${counted(lrps.running, 'LRP')}, ${counted(tasks.running, 'Task')}`},
    {name: 'Waiting', value: count(queued), under: queued ? `the oldest for ${duration(overview.oldest_waiting_ms)}` : 'nothing',
      tone: queued && long ? 'warn' : 'quiet'},
    {name: 'On their way', value: count(both('launching') + both('starting')),
      under: parts([[both('launching'), 'launching'], [both('starting'), 'starting'], [both('stopping'), 'stopping']]) || 'nothing'},
    {name: 'Cells', value: count(all), under: parts([[cells.up, 'up'], [cells.idle, 'idle'], [cells.starting, 'starting'],
      [cells.stopping, 'stopping']]) || 'none'},
    {name: 'Memory', value: `${percent(overview.memory_used_mb, overview.memory_total_mb)} %`,
      share: [overview.memory_used_mb, overview.memory_total_mb],
      under: `${megabytes(overview.memory_used_mb)} of ${megabytes(overview.memory_total_mb)}`},
    {name: 'Agents', value: count(overview.agents), tone: troubled ? 'warn' : 'quiet',
      under: parts([[overview.agents_leaving, 'leaving'], [overview.agents_quarantined, 'quarantined'],
        [overview.offers_held, overview.offers_held === 1 ? 'offer held' : 'offers held']]) || 'no offer held'},
  ]);
  setText(byId('waiting-note'), queued ? `${counted(queued, 'instance')}, the oldest for ${duration(overview.oldest_waiting_ms)}` : '');
}

const factRows = new Rows(byId('facts'), ([name]) => name, ([name]) => {
  const value = el('dd', {});
  return {
    nodes: [el('div', {}, el('dt', {}, name), value)],
    update([, text, title]) {
      setText(value, text);
      setAttribute(value, 'title', title || text);
    },
  };
});

function stateIs(text, tone, detail) {
  const state = byId('state');
  setText(state, text);
  setAttribute(state, 'data-tone', tone);
  setAttribute(state, 'title', detail || text);
}

async function refreshOverview() {
  const overview = await api('GET', '/v1/overview');
  serverClock.ahead = Date.parse(overview.now) - Date.now();
  stateIs(overview.subscribed ? 'subscribed' : 'not subscribed', overview.subscribed ? 'good' : 'bad', overview.detail);
  problem.set('subscription', overview.subscribed ? '' : `Not subscribed: ${overview.detail || 'no master yet'}`);
  factRows.update(factsOf(overview));
  showTiles(overview);
  showHistory(overview.history);
  document.title = `${overview.subscribed ? '' : '! '}diego-scheduler`;
}

const parts = {overview: refreshOverview, waiting: refreshWaiting, zones: refreshZones, cells: refreshCells};

// Whether it went well.
async function refreshPart(name) {
  try {
    await parts[name]();
    problem.set('asking', '');
    return true;
  } catch (error) {
    if (error instanceof Unauthorized) {
      stateIs('no token', 'bad');
      return false;
    }
    const shownOf = pace.wellAt ? ` What is shown is of ${clockTime(new Date(pace.wellAt))}.` : '';
    problem.set('asking', `${name[0].toUpperCase()}${name.slice(1)}: ${error.message}.${shownOf}`);
    if (name === 'overview') stateIs('no answer', 'bad');
    return false;
  }
}
const refreshNow = (name) => refreshPart(name);

// All of it every QUIET_MS; sooner after something has happened, but the bridge is left alone ten times as long as it
// was busy with us, and wholly while nobody looks.
const QUIET_MS = 10000, BUSY_MS = 1500, REST = 10;
const pace = {timer: 0, due: 0, asking: false, wanted: false, earliest: 0, wellAt: 0};

function schedule(at) {
  clearTimeout(pace.timer);
  pace.due = at;
  pace.timer = setTimeout(refreshAll, Math.max(0, at - Date.now()));
}

async function refreshAll() {
  if (pace.asking || document.hidden) return;
  pace.asking = true;
  pace.wanted = false;
  const begun = Date.now();
  let well = true;
  for (const name of Object.keys(parts)) well = well && (await refreshPart(name));
  if (well) pace.wellAt = begun;
  const took = Date.now() - begun;
  pace.asking = false;
  pace.earliest = Date.now() + (pace.wanted && !well ? 0 : Math.max(BUSY_MS, took * REST));
  show(byId('forget'), tokenNow() !== null);
  document.documentElement.setAttribute('data-refreshed', String(Number(document.documentElement.getAttribute('data-refreshed')) + 1));
  if (tokenDialog.open) return;
  schedule(pace.wanted ? pace.earliest : Math.max(pace.earliest, Date.now() + (well ? QUIET_MS : 3000)));
}

function refreshSoon() {
  pace.wanted = true;
  if (!pace.asking && pace.due > pace.earliest) schedule(Math.max(Date.now(), pace.earliest));
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) refreshAll();
});
byId('hour-table').closest('details').addEventListener('toggle', () => {
  if (rateChart.history) showHourTable(rateChart.history);
});

function startOver() {
  problem.set('token', '');
  pace.wanted = true;
  pace.earliest = 0;
  schedule(Date.now());
  followEvents();
}

startOver();
const asked = keyOfHash(location.hash);
if (asked) explain(asked);
window.addEventListener('hashchange', () => {
  const key = keyOfHash(location.hash);
  if (key) explain(key);
});
