// ---- Events as they come. fetch() and not EventSource, which cannot send a token.

const EVENTS_SHOWN = 200;
const SILENCE_MS = 40000;  // The bridge says something every 15 s.
const KINDS = {instance: 'Instances', cell: 'Cells', agent: 'Agents', master: 'Master', steering: 'Steering'};
const STEERING = ['policy', 'rebalance'];
const TONES = {
  'instance.failed': 'bad', 'instance.lost': 'bad', 'instance.rejected': 'bad', 'instance.unplaced': 'bad', 'instance.running': 'good',
  'cell.gone': 'warn', 'agent.left': 'warn', 'agent.quarantined': 'bad', 'master.lost': 'bad', 'master.subscribed': 'good', gap: 'warn',
  'rebalance.moved': 'good', 'rebalance.skipped': 'warn',
};
const SIGNS = {good: '✓', warn: '!', bad: '✕', quiet: '·'};
const eventList = byId('events');
const stream = {last: null, controller: null, paused: false, held: [], tries: 0, generation: 0};

const kindsShown = new Set(Object.keys(KINDS));
byId('events-kinds').append(...Object.entries(KINDS).map(([kind, name]) => el('label', {},
  el('input', {type: 'checkbox', checked: true, onchange: (event) => {
    if (event.target.checked) kindsShown.add(kind);
    else kindsShown.delete(kind);
    eventList.setAttribute('data-hidden', Object.keys(KINDS).filter((one) => !kindsShown.has(one)).join(' '));
  }}), name)));

function groupOf(event) {
  const [kind] = event.event.split('.');
  return STEERING.includes(kind) ? 'steering' : kind;
}

function subject(event) {
  if (event.event === 'gap') return '';
  if (event.kind) {
    return el('button', {type: 'button', class: 'link name', 'aria-label': `Explain ${keyName(event)}`, onclick: () => explain(event)}, keyName(event));
  }
  const where = event.cell_id || event.agent_id;
  return where ? el('span', {class: 'name'}, where) : '';
}

function gapText(event) {
  return `${event.lost === null ? 'Some events' : counted(event.lost, 'event')} cannot be told: ${event.reason}.`;
}

function eventItem(event) {
  const gap = event.event === 'gap';
  const tone = TONES[event.event] || 'quiet';
  const at = event.at ? new Date(event.at) : new Date();
  const more = [
    event.waited_ms !== undefined ? `after ${duration(event.waited_ms)}` : '',
    event.kind && event.cell_id ? `on ${event.cell_id}` : event.agent_id && event.cell_id ? `agent ${shortId(event.agent_id)}` : '',
    event.reason && !gap ? event.reason : '',
  ].filter(Boolean).join(', ');
  return el('li', {'data-kind': groupOf(event), 'data-tone': tone},
    el('time', {datetime: at.toISOString()}, clockTime(at)),
    el('span', {class: 'sign', 'aria-hidden': 'true'}, SIGNS[tone]),
    el('span', {class: 'what'}, el('span', {class: 'kind'}, gap ? 'gap' : event.event), ' ', subject(event),
      gap ? el('span', {class: 'under'}, gapText(event)) : more ? el('span', {class: 'under'}, more) : null));
}

function showEvents(events) {
  if (stream.paused) {
    stream.held = [...stream.held, ...events].slice(-EVENTS_SHOWN);
    setText(byId('events-pause'), `Go on (${stream.held.length === EVENTS_SHOWN ? `${EVENTS_SHOWN}+` : stream.held.length} new)`);
    return;
  }
  const fresh = events.slice(-EVENTS_SHOWN).reverse().map(eventItem);
  eventList.prepend(...fresh);
  while (eventList.children.length > EVENTS_SHOWN) eventList.lastChild.remove();
}

byId('events-pause').addEventListener('click', () => {
  stream.paused = !stream.paused;
  byId('events-pause').setAttribute('aria-pressed', String(stream.paused));
  setText(byId('events-pause'), stream.paused ? 'Go on' : 'Pause');
  if (!stream.paused) showEvents(stream.held.splice(0));
});

function eventsAre(text, tone) {
  setText(byId('events-state'), text);
  setAttribute(byId('events-state'), 'data-tone', tone);
}

// The blocks of a text/event-stream; what is not whole yet is kept for the next piece.
function parseBlocks(text, found) {
  const blocks = text.split('\n\n');
  for (const block of blocks.slice(0, -1)) {
    let data = '', id = null;
    for (const line of block.split('\n')) {
      if (line.startsWith('data: ')) data += line.slice(6);
      else if (line.startsWith('id: ')) id = line.slice(4);
    }
    if (id !== null) stream.last = id;
    if (data) found.push(JSON.parse(data));
  }
  return blocks[blocks.length - 1];
}

async function readEvents(controller, alive) {
  const token = tokenNow();
  const resume = stream.last === null ? {} : {'Last-Event-ID': stream.last};
  const response = await fetch(stream.last === null ? '/v1/events?recent=50' : '/v1/events',
    {headers: headers(token, resume), signal: controller.signal, cache: 'no-store'});
  if (response.status === 401) {
    askForToken(token);
    throw new Unauthorized();
  }
  if (!response.ok) throw new Error(await errorOf(response));
  eventsAre('live', 'good');
  stream.tries = 0;
  const reader = response.body.getReader(), decoder = new TextDecoder();
  for (let rest = ''; ;) {
    const {done, value} = await reader.read();
    if (done) return;
    alive();
    const found = [];
    rest = parseBlocks(rest + decoder.decode(value, {stream: true}), found);
    if (found.length === 0) continue;
    showEvents(found);
    refreshSoon();
  }
}

async function followEvents() {
  const generation = ++stream.generation;
  while (generation === stream.generation) {
    const controller = stream.controller = new AbortController();
    let silence = 0;
    const alive = () => {
      clearTimeout(silence);
      silence = setTimeout(() => controller.abort(), SILENCE_MS);
    };
    alive();
    let why = 'the stream ended';
    try {
      await readEvents(controller, alive);
    } catch (error) {
      if (error instanceof Unauthorized) return eventsAre('no token', 'bad');
      why = error.name === 'TypeError' || error.name === 'AbortError' ? 'no answer' : error.message;
    } finally {
      clearTimeout(silence);
    }
    if (generation !== stream.generation) return undefined;
    const pause = Math.min(15000, 500 * 2 ** stream.tries++);
    eventsAre(`${why}, again in ${duration(pause)}`, 'bad');
    await new Promise((resolve) => { setTimeout(resolve, pause); });
  }
  return undefined;
}
