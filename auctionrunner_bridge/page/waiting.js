// ---- What waits, and why

const WAITING_PAGE = 200;
const waitingPages = new Pages(byId('waiting-pages'), () => refreshNow('waiting'));

// Instances of one process that wait for the same, side by side in the list, are one row.
function waitingGroups(instances) {
  const groups = [];
  for (const one of instances) {
    const last = groups[groups.length - 1];
    if (last && one.kind === 'lrp' && last.first.kind === 'lrp' && last.first.process_guid === one.process_guid &&
        last.first.reason === one.reason && last.first.memory_mb === one.memory_mb) {
      last.indices.push(one.index);
      if (one.accepted < last.accepted) last.accepted = one.accepted;
    } else {
      groups.push({first: one, indices: one.kind === 'lrp' ? [one.index] : [], accepted: one.accepted});
    }
  }
  return groups;
}

// "0–4, 7"
function ranges(indices) {
  const parts = [];
  for (const index of indices) {
    const last = parts[parts.length - 1];
    if (last && last[1] === index - 1) last[1] = index;
    else parts.push([index, index]);
  }
  const texts = parts.map(([from, to]) => (from === to ? String(from) : `${from}–${to}`));
  return texts.length > 6 ? `${texts.slice(0, 6).join(', ')}, …` : texts.join(', ');
}

function waitingRow() {
  let group = null;
  const name = el('span', {class: 'name'});
  const under = el('span', {class: 'under'});
  const needs = el('td', {class: 'number'}), waits = el('td', {class: 'number'}), why = el('td', {class: 'why'});
  const stop = el('button', {type: 'button', class: 'danger', onclick: () => stopInstance(group.first)}, 'Stop');
  const ask = el('button', {type: 'button', onclick: () => explain(group.first)}, 'Why?');
  return {
    nodes: [el('tr', {}, el('th', {scope: 'row'}, name, under), needs, waits, why, el('td', {class: 'acts'}, ask, stop))],
    update(item) {
      group = item;
      const {first, indices} = group;
      const many = indices.length > 1;
      const title = many ? first.process_guid : keyName(first);
      setText(name, title);
      setText(under, `${kindName(first)}${many ? `, ${count(indices.length)} instances: ${ranges(indices)}` : ''}` +
        `${first.domain ? `, ${first.domain}` : ''}${first.attempts ? `, ${counted(first.attempts, 'launch', 'launches')} so far` : ''}`);
      setText(needs, megabytes(first.memory_mb));
      setText(waits, since(group.accepted));
      setText(why, first.reason || 'its turn has not come');
      show(stop, !many);
      setAttribute(ask, 'aria-label', `Why does ${title} wait?`);
      setAttribute(stop, 'aria-label', `Stop ${title}`);
    },
  };
}
const waitingRows = new Rows(byId('waiting').tBodies[0], (group) => sameKey(group.first), waitingRow);

async function refreshWaiting() {
  const after = waitingPages.after;
  const page = await api('GET', `/v1/instances?state=queued&limit=${WAITING_PAGE}${after ? `&after=${encodeURIComponent(after)}` : ''}`);
  if (after !== waitingPages.after) return;
  if (page.instances.length === 0 && after) {  // It has emptied meanwhile.
    waitingPages.first();
    return refreshWaiting();
  }
  waitingRows.update(waitingGroups(page.instances));
  waitingPages.update(page.next);
  show(byId('waiting'), page.instances.length > 0);
  show(byId('waiting-none'), page.instances.length === 0);
}
