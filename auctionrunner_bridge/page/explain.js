// ---- Why an instance waits, or where it would go

const explainDialog = byId('explain');
let explained = null;  // The key that the dialog is about.

function table(caption, columns, rows) {
  if (rows.length === 0) return [];
  return [el('h3', {}, caption), el('div', {class: 'scroll'}, el('table', {class: 'rows'},
    el('caption', {class: 'unseen'}, caption),
    el('thead', {}, el('tr', {}, columns.map(({title, number}) => el('th', {scope: 'col', class: number && 'number'}, title)))),
    el('tbody', {}, rows.map((row) => el('tr', {}, row.map((cell, at) => el('td', {class: columns[at].number && 'number'}, cell))))))) ];
}

function placeName(place) {
  return [el('span', {class: 'name'}, place.cell_id || 'no cell yet'),
    el('span', {class: 'under'}, `${place.agent_hostname || place.agent_id}${place.zone ? `, zone ${place.zone}` : ''}`)];
}
const placeText = (place) => `${place.cell_id || 'a new cell'} on ${place.agent_hostname || place.agent_id}` +
  `${place.zone ? ` in zone ${place.zone}` : ''}`;

function verdict(told) {
  if (told.outcome === 'placed') {
    return ['good', told.runs_on ? 'If it had to leave, it would go elsewhere' : 'It fits',
      placeText(told.place) + (told.starts_cell && told.place.cell_id === '' ? ', which would start for it' : '')];
  }
  if (told.outcome === 'awaits_offer') {
    return ['warn', 'It fits, and waits for an offer', told.place ? `most likely that of ${placeText(told.place)}` : ''];
  }
  return ['bad', told.runs_on ? 'If it had to leave, there would be no place' : 'No cell has a place for it', told.refusal];
}

function between(least, most) {
  const low = amounts(least), high = amounts(most);
  const same = low.join() === high.join();
  if (high.length === 0) return '–';
  return same || low.length === 0 ? `${same ? '' : 'up to '}${high.join(', ')}` : `${low.join(', ')} to ${high.join(', ')}`;
}

function explanation(told) {
  const [tone, title, more] = verdict(told);
  const needs = amounts(told.needs);
  const cells = told.cells;
  const parts = [
    el('p', {class: 'verdict', 'data-tone': tone}, el('strong', {}, title), more ? `: ${more}` : ''),
    told.held_up_by.length ? el('ul', {class: 'held', 'aria-label': 'Held up by'},
      told.held_up_by.map((text) => el('li', {}, `Held up: ${text}`))) : null,
    el('dl', {class: 'facts'},
      fact('State', told.state || 'unknown'),
      told.reason ? fact('Reason', told.reason) : null,
      told.runs_on ? fact('Runs on', placeText(told.runs_on)) : null,
      fact('Needs', needs.length ? needs.join(', ') : 'nothing that is limited'),
      cells ? fact('Cells', `${count(cells.fit)} of ${count(cells.total)} fit`) : null),
  ];
  if (!cells) return parts;
  parts.push(
    table('Why not, by reason', [{title: 'Reason'}, {title: 'Cells', number: true}, {title: 'Short of'}, {title: 'Nearest'}],
      cells.miss_groups.map((group) => [group.reasons.join(', '), count(group.cells), between(group.short_by_min, group.short_by_max),
        group.examples.map((id) => el('span', {title: id}, shortId(id))).flatMap((node, at) => (at ? [', ', node] : [node]))])),
    table('Nearest misses', [{title: 'Cell'}, {title: 'Why not'}],
      cells.misses.map((miss) => [placeName(miss), miss.text || miss.reasons.join(', ')])),
    table('Best places', [{title: 'Cell'}, {title: 'Of its app in the zone', number: true}, {title: 'Cost, less is better', number: true}],
      cells.fitting.map((place) => [placeName(place), count(place.zone_instances), place.cost.join(' / ')])),
    table('Zones', [{title: 'Zone'}, {title: 'Cells', number: true}, {title: 'Fit', number: true}, {title: 'Of its app', number: true}],
      cells.zones.map((zone) => [zone.zone || '(none)', count(zone.cells), count(zone.fit), count(zone.instances)])));
  return parts;
}

const fact = (name, value) => el('div', {}, el('dt', {}, name), el('dd', {}, value));

async function loadExplanation() {
  const key = explained;
  const body = explainDialog.querySelector('.dialog-body');
  try {
    const told = await api('GET', `${keyPath(key)}/explain?cells=10`);
    if (key !== explained) return;
    body.replaceChildren(...explanation(told).flat().filter(Boolean));
    byId('explain-title').focus();
  } catch (error) {
    if (key === explained) body.replaceChildren(el('p', {class: 'verdict', 'data-tone': 'bad', role: 'alert'}, error.message));
  }
}

// The address names what is explained, to be sent to a colleague.
const hashOf = (key) => `#explain/${key.kind}/${encodeURIComponent(key.process_guid ?? key.task_guid)}${key.kind === 'lrp' ? `/${key.index}` : ''}`;
function keyOfHash(hash) {
  const [word, kind, guid, index] = hash.slice(1).split('/');
  if (word !== 'explain' || !guid) return null;
  try {
    const name = decodeURIComponent(guid);
    if (kind === 'task') return {kind, task_guid: name};
    return kind === 'lrp' && /^\d+$/.test(index || '') ? {kind, process_guid: name, index: Number(index)} : null;
  } catch {
    return null;
  }
}

function explain(key) {
  explained = key;
  byId('explain-title').textContent = keyName(key);
  explainDialog.querySelector('.dialog-body').replaceChildren(el('p', {}, 'Asking …'));
  explainDialog.querySelector('.dialog-foot').replaceChildren(
    el('button', {type: 'button', class: 'danger', onclick: async () => { if (await stopInstance(key)) explainDialog.close(); }},
      `Stop this ${key.kind === 'lrp' ? 'instance' : 'Task'} …`),
    el('button', {type: 'button', onclick: loadExplanation}, 'Ask again'),
    el('button', {type: 'button', onclick: () => explainDialog.close()}, 'Close'));
  history.replaceState(null, '', hashOf(key));
  if (!explainDialog.open) explainDialog.showModal();
  loadExplanation();
}
explainDialog.querySelector('.close').addEventListener('click', () => explainDialog.close());
explainDialog.addEventListener('close', () => {
  explained = null;
  history.replaceState(null, '', location.pathname + location.search);
});
// A click beside it.
explainDialog.addEventListener('click', (event) => {
  if (event.target === explainDialog) explainDialog.close();
});
