// ---- Elements: what comes from the network becomes text or the value of an attribute, never markup.

const SVG = 'http://www.w3.org/2000/svg';
const byId = (id) => document.getElementById(id);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'style') Object.assign(node.style, value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ''));
  return node;
}
const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

// Only what differs is touched: focus and selection stay where they are, and screen readers are not woken.
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}
function show(node, shown) {
  if (node.hidden === shown) node.hidden = !shown;
}

// Rows that stay the same elements while their items change. `make(item)` returns {nodes, update(item)}.
class Rows {
  constructor(parent, keyOf, make) {
    Object.assign(this, {parent, keyOf, make, known: new Map()});
  }

  update(items) {
    const kept = new Map();
    for (const item of items) {
      const key = this.keyOf(item);
      if (kept.has(key)) continue;
      const row = this.known.get(key) || this.make(item);
      row.update(item);
      kept.set(key, row);
    }
    for (const [key, row] of this.known) {
      if (!kept.has(key)) row.nodes.forEach((node) => node.remove());
    }
    let at = this.parent.firstChild;
    for (const row of kept.values()) {
      for (const node of row.nodes) {
        if (node === at) at = at.nextSibling;
        else this.parent.insertBefore(node, at);
      }
    }
    this.known = kept;
  }
}

// ---- Words and numbers

const grouped = new Intl.NumberFormat('en');
const count = (number) => grouped.format(number);
const counted = (number, one, many) => `${count(number)} ${number === 1 ? one : many || `${one}s`}`;
const percent = (part, whole) => (whole > 0 ? Math.round((100 * part) / whole) : 0);

function megabytes(mb) {
  const round = (value) => (value >= 100 ? count(Math.round(value)) : String(Math.round(value * 10) / 10));
  if (Math.abs(mb) < 10000) return `${count(mb)} MB`;
  if (Math.abs(mb) < 10000 * 1024) return `${round(mb / 1024)} GB`;
  return `${round(mb / 1024 / 1024)} TB`;
}

function duration(ms) {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 1) return `${Math.round(ms)} ms`;
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

const clockTime = (date) => date.toLocaleTimeString('en-GB');
const minuteTime = (date) => clockTime(date).slice(0, 5);

const serverClock = {ahead: 0};  // Of ours, in ms.
const since = (timestamp) => duration(Date.now() + serverClock.ahead - Date.parse(timestamp));

const keyName = (key) => (key.kind === 'lrp' ? `${key.process_guid}.${key.index}` : key.task_guid);
const keyPath = (key) => (key.kind === 'lrp' ? `/v1/lrps/${encodeURIComponent(key.process_guid)}/${key.index}`
                                             : `/v1/tasks/${encodeURIComponent(key.task_guid)}`);
const kindName = (key) => (key.kind === 'lrp' ? 'LRP' : 'Task');
const sameKey = (key) => `${key.kind}/${keyName(key)}`;

function amounts(values) {
  const parts = [];
  if (values.memory_mb) parts.push(`${megabytes(values.memory_mb)} memory`);
  if (values.disk_mb) parts.push(`${megabytes(values.disk_mb)} disk`);
  if (values.cpus_milli) parts.push(`${values.cpus_milli / 1000} CPUs`);
  if (values.containers) parts.push(counted(values.containers, 'container'));
  return parts;
}

// ---- Errors in one line, and what was done

const problem = {
  lines: new Map(),  // What about -> text. The last one is shown.
  set(about, text) {
    this.lines.delete(about);
    if (text) this.lines.set(about, text);
    const shown = [...this.lines.values()].pop() || '';
    setText(byId('problem').firstChild, shown);
    show(byId('problem'), shown !== '');
  },
};
byId('problem').lastChild.addEventListener('click', () => {
  problem.lines.clear();
  problem.set('', '');
});

let saidTimer = 0;
function say(text) {
  byId('said').textContent = text;
  clearTimeout(saidTimer);
  saidTimer = setTimeout(() => { byId('said').textContent = ''; }, 8000);
}

// ---- Asking the bridge

const TOKEN = 'diego-scheduler-token';
class Unauthorized extends Error {}

const tokenNow = () => sessionStorage.getItem(TOKEN);
const headers = (token, more) => (token ? {...more, Authorization: `Bearer ${token}`} : {...more});

async function errorOf(response) {
  const text = await response.text();
  try {
    return JSON.parse(text).error || text;
  } catch {
    return text || `status ${response.status}`;
  }
}

// The JSON of the answer; throws what is to be shown.
async function api(method, path) {
  const token = tokenNow();
  let response;
  try {
    response = await fetch(path, {method, headers: headers(token), cache: 'no-store', redirect: 'error'});
  } catch {
    throw new Error('the bridge does not answer');
  }
  if (response.status === 401) {
    askForToken(token);
    throw new Unauthorized('a token is needed');
  }
  if (!response.ok) throw new Error(await errorOf(response));
  return response.json();
}

const tokenDialog = byId('token');
// `refused`: the token that did not do, if one was sent. Another may have been given meanwhile.
function askForToken(refused) {
  if (tokenDialog.open || tokenNow() !== refused) return;
  setText(tokenDialog.querySelector('.wrong'), refused ? 'That token is not the right one.' : '');
  sessionStorage.removeItem(TOKEN);
  show(byId('forget'), false);
  byId('token-text').value = '';
  tokenDialog.showModal();
}
tokenDialog.querySelector('form').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, byId('token-text').value.trim());
  byId('token-text').value = '';
  tokenDialog.close();
  startOver();
});
tokenDialog.querySelector('.no').addEventListener('click', () => tokenDialog.close());
tokenDialog.addEventListener('close', () => {
  if (tokenNow()) return;
  problem.set('token', 'Without the token nothing can be shown: reload to be asked again.');
});
byId('forget').addEventListener('click', () => {
  sessionStorage.removeItem(TOKEN);
  location.reload();
});

// ---- Asking the operator

const confirmDialog = byId('confirm');
function confirmed(title, text, word) {
  byId('confirm-title').textContent = title;
  byId('confirm-text').textContent = text;
  const yes = confirmDialog.querySelector('.yes');
  yes.textContent = word;
  return new Promise((resolve) => {
    let answer = false;
    yes.onclick = () => {
      answer = true;
      confirmDialog.close();
    };
    confirmDialog.addEventListener('close', () => resolve(answer), {once: true});
    confirmDialog.showModal();
  });
}
confirmDialog.querySelector('.no').addEventListener('click', () => confirmDialog.close());

// Asks, does, and tells how it went.
async function act(question, method, path, done) {
  if (!(await confirmed(...question))) return false;
  try {
    await api(method, path);
    problem.set('act', '');
    say(done);
  } catch (error) {
    problem.set('act', `${question[2]}: ${error.message}`);
    return false;
  }
  refreshSoon();
  return true;
}

const stopInstance = (key) => act(
  [`Stop ${keyName(key)}?`, key.kind === 'task' ? 'The Task is cancelled and has failed. It is not run again.'
    : 'The instance is cancelled or killed. Where Diego still wants it, it is started again.', 'Stop'],
  'DELETE', keyPath(key), `${keyName(key)} is being stopped.`);

const drainPath = (cell) => `/v1/cells/${encodeURIComponent(cell.agent_id)}/drain`;
// Mesos's agent ids differ in what is behind the last dash; several agents may have one hostname.
const shortId = (id) => (id.length > 20 && id.includes('-') ? id.slice(id.lastIndexOf('-') + 1) : id);
const agentName = (cell) => `agent ${shortId(cell.agent_id)} on ${cell.agent_hostname || 'an unknown host'}`;
const drain = (cell) => act(
  [`Drain ${agentName(cell)}?`, `It takes no new work. What is on it (${counted(cell.instances.length, 'instance')}) starts elsewhere before it is ` +
    'stopped here, Tasks run to their end, then the cell ends. The drain lasts until it is cancelled.', 'Drain'],
  'POST', drainPath(cell), `The ${agentName(cell)} is being drained.`);
const cancelDrain = (cell) => act(
  [`Use ${agentName(cell)} again?`, 'The drain is cancelled, and it may take work again. What is already on its way elsewhere goes there.',
    'Cancel the drain'],
  'DELETE', drainPath(cell), `The ${agentName(cell)} may be used again.`);

// ---- Light and dark

const THEME = 'diego-scheduler-theme';
const themes = ['auto', 'light', 'dark'];
function setTheme(theme) {
  if (theme === 'auto') document.documentElement.removeAttribute('data-theme');
  else document.documentElement.setAttribute('data-theme', theme);
  byId('theme').textContent = `Theme: ${theme}`;
  localStorage.setItem(THEME, theme);
}
byId('theme').addEventListener('click', () => {
  setTheme(themes[(themes.indexOf(localStorage.getItem(THEME)) + 1) % themes.length]);
});
setTheme(themes.includes(localStorage.getItem(THEME)) ? localStorage.getItem(THEME) : 'auto');

// ---- Pages that are known by where they start

class Pages {
  // `changed` is called when another page is wanted.
  constructor(nav, changed) {
    this.starts = [''];
    this.next = null;
    this.nav = nav;
    const go = (step) => {
      step();
      changed();
    };
    this.back = el('button', {type: 'button', onclick: () => go(() => this.starts.pop())}, '‹ Back');
    this.where = el('span', {});
    this.on = el('button', {type: 'button', onclick: () => go(() => this.starts.push(this.next))}, 'Next ›');
    nav.append(this.back, this.where, this.on);
  }

  get after() { return this.starts[this.starts.length - 1]; }
  get number() { return this.starts.length; }
  first() { this.starts = ['']; }

  update(next) {
    this.next = next;
    show(this.nav, this.number > 1 || next !== null);
    // A button that is disabled loses the focus, and with it the reader's place.
    setAttribute(this.back, 'aria-disabled', String(this.number === 1));
    setAttribute(this.on, 'aria-disabled', String(next === null));
    setText(this.where, `Page ${count(this.number)}`);
  }
}
document.addEventListener('click', (event) => {
  const button = event.target.closest && event.target.closest('button[aria-disabled="true"]');
  if (!button) return;
  event.stopImmediatePropagation();
  event.preventDefault();
}, true);
