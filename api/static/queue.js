// The queue without waiting: what is done shows at once and is taken back with a reason when it did not come about.
// Leads are claimed before they are come to, so that two people who clear one queue never meet.
"use strict";

const AHEAD = 5; // leads that are claimed from the one that is read on
const FEW = 8; // from so few on, more are loaded

const list = () => one("#list"); // it is replaced as a whole when the page is loaded anew
const cards = () => all(".card[data-lead]", list());
const current = () => one(".card.current");
const idOf = (card) => card.dataset.lead;
const titleOf = (card) => one("h3", card).textContent.trim().replace(/\s+/g, " ").slice(0, 60);
const viewer = list().dataset.viewer;
const claimSeconds = Number(list().dataset.claims);

// --- what is said ---------------------------------------------------------------------------------------------------

function tell(text, { bad = false, undo = false, next = null } = {}) {
  const line = document.createElement("div");
  line.className = bad ? "flash bad" : "flash";
  line.append(Object.assign(document.createElement("span"), { dir: "auto", textContent: text }));
  if (next) line.append(Object.assign(document.createElement("a"), { href: next, id: "answer", textContent: "Answer it" }));
  if (undo) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "link", id: "undo", textContent: "Undo" });
    button.addEventListener("click", () => undoLast());
    line.append(button);
  }
  one("#flash").replaceChildren(line);
}

// --- asking the server ----------------------------------------------------------------------------------------------

class Refused extends Error {}
class Unreachable extends Error {}

async function send(address, fields = new URLSearchParams()) {
  if (!fields.has("csrf")) fields.set("csrf", list().dataset.csrf);
  let answer;
  let text;
  try {
    answer = await fetch(address, { method: "POST", body: fields, headers: { Accept: "application/json" } });
    text = await answer.text();
  } catch {
    throw new Unreachable();
  }
  if (new URL(answer.url).pathname === "/login") location.assign("/login");
  else if (answer.ok) return JSON.parse(text);
  const page = new DOMParser().parseFromString(text, "text/html");
  throw new Refused(one("#problem", page)?.textContent.trim() ?? "The server refused this. Reload the page.");
}

async function load(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Refused("The page could not be loaded. Reload it.");
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

// --- claims ---------------------------------------------------------------------------------------------------------

const held = new Set(); // leads that are ours for some minutes
let claiming = Promise.resolve();
let lastActive = Date.now();

const isForeign = (card) => card.classList.contains("foreign");
const isOurs = (card) => !claimSeconds || held.has(idOf(card));
const open = () => cards().filter((card) => !isForeign(card));

function claimAhead(also) {
  claiming = claiming.then(() => claimSome(also));
  return claiming;
}

async function claimSome(also) {
  while (claimSeconds) {
    const free = open();
    const from = Math.max(free.indexOf(current()), 0);
    const wanted = new Set(free.slice(from, from + AHEAD));
    if (also?.isConnected) wanted.add(also);
    const missing = [...wanted].filter((card) => !isOurs(card) && !isForeign(card));
    if (!missing.length) return;
    let answer;
    try {
      answer = await send("/queue/claims", new URLSearchParams(missing.map((card) => ["lead", idOf(card)])));
    } catch {
      return; // it can be read all the same, and the acts themselves tell what is wrong
    }
    for (const lead of answer.held) held.add(String(lead));
    for (const card of missing) if (!isOurs(card)) giveUp(card, answer.others[idOf(card)]);
  }
}

function giveUp(card, name) {
  const following = after(card);
  card.classList.add("foreign");
  const note = document.createElement("p");
  note.className = "looked-at";
  note.textContent = name ? `${name} is looking at this one.` : "This one has been decided meanwhile.";
  const step = !name && unsure.get(idOf(card));
  if (step) { // whoever else decided: the server takes back nobody's step but one's own
    if (unsure.delete(idOf(card))) keep([...steps(), step]);
    note.textContent += " If it was you, u takes it back.";
  }
  card.prepend(note);
  for (const part of all(".foot, .background, .tick", card)) part.inert = true;
  if (card !== current()) return;
  card.classList.remove("current");
  arriving = arrive(following);
}

if (claimSeconds) {
  const renew = () => {
    held.clear(); // claiming again makes them last longer
    if (!document.hidden && Date.now() - lastActive < claimSeconds * 1000) claimAhead();
  };
  setInterval(renew, claimSeconds * 400);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { lastActive = Date.now(); renew(); } });
  for (const sign of ["keydown", "pointerdown"]) document.addEventListener(sign, () => { lastActive = Date.now(); }, true);
  addEventListener("pagehide", () => {
    if (!held.size) return;
    const fields = new URLSearchParams([...held].map((lead) => ["lead", lead]));
    fields.set("csrf", list().dataset.csrf);
    navigator.sendBeacon("/queue/claims/release", fields);
    held.clear();
  });
  claimAhead();
}

// --- which one is read ----------------------------------------------------------------------------------------------

let arriving = Promise.resolve(); // until the lead that is come to is ours

function select(card) {
  if (!card || card === current()) return;
  current()?.classList.remove("current");
  card.classList.add("current");
  dress(card);
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest" });
  claimAhead();
  showBackground(card);
}

async function arrive(candidates) {
  for (const card of candidates) {
    if (!card?.isConnected || isForeign(card)) continue;
    if (!isOurs(card)) await claimAhead(card);
    if (card.isConnected && !isForeign(card)) return select(card);
  }
}

// Where to go from a card: down, and at the end up.
function after(card, but = []) {
  const others = cards();
  const at = others.indexOf(card);
  return [...others.slice(at + 1), ...others.slice(0, at).reverse()].filter((other) => !but.includes(other));
}

function advance(step) {
  const free = open();
  const at = free.indexOf(current());
  const candidates = at < 0 ? free : step > 0 ? free.slice(at + 1) : free.slice(0, at).reverse();
  arriving = arrive(candidates);
  return arriving;
}

document.addEventListener("click", (event) => {
  const card = event.target.closest(".card[data-lead]");
  if (card && !isForeign(card) && !event.target.closest("a, button, input, summary, label, textarea")) arriving = arrive([card]);
});

let background = null;

function showBackground(card) {
  clearTimeout(background);
  const place = one(".background", card);
  const link = place && one("a[href$='/background']", place);
  if (!link) return;
  background = setTimeout(async () => {
    const told = await load(link.href).then((page) => one("#background", page)).catch(() => null);
    if (told) { told.removeAttribute("id"); place.replaceWith(document.adoptNode(told)); }
  }, 300); // not for those that are only passed by
}

// --- acts -----------------------------------------------------------------------------------------------------------

const kept = `overheard-undo-${viewer}`;
const steps = () => JSON.parse(sessionStorage.getItem(kept) ?? "[]");
const keep = (stack) => sessionStorage.setItem(kept, JSON.stringify(stack.slice(-200)));
const unsure = new Map(); // how to take back, by lead, what may have been saved though no answer came
const unsaid = { promote: "undo", disqualify: "undo", bulk: "undo", reopen: "undo", snooze: "wake" };
const returned = new Set(); // leads that came back because an act did not come about
const places = new Map(); // where a card stood that has left, and the card
let sending = Promise.resolve(); // one act after the other: the order of undoing is that of doing

function leave(leaving) {
  const was = current();
  const following = leaving.includes(was) ? after(was, leaving) : [];
  for (const card of leaving) {
    const mark = document.createComment(idOf(card));
    card.classList.remove("current");
    card.replaceWith(mark);
    places.set(idOf(card), { card, mark });
  }
  tidyDays();
  bump(-leaving.length);
  arriving = arrive(following);
}

function comeBack(leads) {
  let first = null;
  for (const lead of leads) {
    const place = places.get(lead);
    if (!place?.mark.isConnected) continue;
    for (const menu of all("details[open]", place.card)) menu.open = false;
    place.mark.replaceWith(place.card);
    places.delete(lead);
    held.delete(lead);
    first ??= place.card;
  }
  tidyDays();
  if (first) bump(leads.length);
  return first;
}

function tidyDays() {
  for (const day of all(".day", list())) {
    let next = day.nextElementSibling;
    while (next && !next.matches(".card, .day")) next = next.nextElementSibling;
    day.hidden = !next?.matches(".card");
  }
}

function bump(number) {
  const count = one(".tabs .count");
  if (count && /^\d+$/.test(count.textContent)) count.textContent = Math.max(Number(count.textContent) + number, 0);
}

function act(form, submitter) {
  const kind = form.dataset.act;
  const acted = kind === "bulk" ? ticked() : [form.closest(".card")];
  if (!acted.length) return tell("Tick the leads first.", { bad: true });
  const fields = new URLSearchParams(new FormData(form, submitter));
  const address = submitter?.getAttribute("formaction") ?? form.getAttribute("action");
  for (const menu of all("details.menu[open]")) menu.open = false;
  if (kind === "assign") acted[0].focus({ preventScroll: true });
  else leave(acted);
  showTicks();
  acts += 1;
  sending = sending.then(() => carryOut(kind, address, fields, acted));
}

async function carryOut(kind, address, fields, acted) {
  const leads = acted.map(idOf);
  try {
    const told = await send(address, fields);
    for (const lead of leads) { unsure.delete(lead); if (kind !== "assign") held.delete(lead); }
    if (told.undo) keep([...steps(), { undo: told.undo, leads }]);
    if (kind === "assign") showAssignee(acted[0], told.assignee);
    if (told.refused.length) comeBack(told.refused.map(String));
    tell(told.text, { undo: Boolean(told.undo), bad: told.refused.length > 0, next: told.next });
    refreshSoon();
  } catch (error) {
    const back = comeBack(leads) ?? acted[0];
    for (const lead of leads) returned.add(lead);
    const which = acted.length > 1 ? `${acted.length} leads are` : `“${titleOf(acted[0])}” is`;
    if (error instanceof Unreachable) {
      if (kind in unsaid) for (const lead of leads) unsure.set(lead, { undo: `/leads/${lead}/${unsaid[kind]}`, leads: [lead] });
      tell(`The server cannot be reached, so this may not be saved. ${which} back in the list: decide again when the network is there. What was saved already is not done twice.`, { bad: true });
    } else {
      tell(`${error.message} ${kind === "assign" ? "" : `${which} back in the list.`}`, { bad: true });
      refreshSoon();
    }
    if (!current()) arriving = arrive([back]);
  }
}

function showAssignee(card, name) {
  const place = one(".assignee", card);
  place.hidden = !name;
  one("bdi", place).textContent = name;
}

function undoLast() {
  acts += 1;
  sending = sending.then(async () => {
    const stack = steps();
    const step = stack.pop();
    if (!step) return tell("There is nothing to undo.", { bad: true });
    try {
      const told = await send(step.undo);
      keep(stack);
      const place = () => document.getElementById(`lead-${step.leads[0]}`);
      let back = comeBack(step.leads) ?? place();
      if (back && isForeign(back)) back = null; // it said that it was decided
      if (!back) await refresh({ whole: true });
      else if (told.assignee !== null) showAssignee(back, told.assignee);
      tell(told.text, { undo: stack.length > 0, bad: told.refused.length > 0 });
      arriving = arrive([back ?? place()]);
      refreshSoon();
    } catch (error) {
      if (error instanceof Unreachable) return tell("The server cannot be reached. Nothing was taken back: press u again when the network is there.", { bad: true });
      keep(stack);
      tell(error.message, { bad: true });
    }
  });
}

document.addEventListener("submit", (event) => {
  if (!event.target.dataset.act) return;
  event.preventDefault();
  if (event.target.dataset.act === "undo") undoServerLine(event.target);
  else act(event.target, event.submitter);
});

function undoServerLine(form) {
  // A line that the server wrote, of an act on another page: its own address takes it back.
  keep([...steps(), { undo: form.getAttribute("action"), leads: [form.action.match(/leads\/(\d+)/)?.[1] ?? ""] }]);
  undoLast();
}

// --- keeping up -----------------------------------------------------------------------------------------------------

let refreshing = null, acts = 0; // a page that was made before the last act was saved would show its lead again
function refreshSoon() {
  clearTimeout(refreshing);
  refreshing = setTimeout(() => refreshWhenSaved().catch(() => {}), open().length < FEW ? 50 : 700);
}
async function refreshWhenSaved() {
  for (let last; last !== sending; await last) last = sending;
  await refresh();
}
async function refresh({ whole = false } = {}) {
  const before = acts;
  const page = await load(list().dataset.here);
  if (before !== acts && !whole) return refreshSoon();
  for (const part of all("[data-swap]")) {
    const fresh = one(`[data-swap="${part.dataset.swap}"]`, page);
    if (fresh && (whole || part !== list())) part.replaceWith(document.adoptNode(fresh));
  }
  if (whole) { places.clear(); held.clear(); one("#news").hidden = true; }
  else takeTail(page);
  tidyDays();
  claimAhead();
}

// What comes behind the last card is put there; what would move what is being read is only told of.
function takeTail(page) {
  const shown = new Set([...cards().map(idOf), ...places.keys()]);
  const fresh = all(".card[data-lead], .day, .empty", one("#list", page));
  const unseen = fresh.filter((part) => part.matches(".card") && !shown.has(idOf(part)));
  const lastKnown = fresh.findLastIndex((part) => part.matches(".card") && shown.has(idOf(part)));
  const tail = unseen.filter((part) => fresh.indexOf(part) > lastKnown);
  dropDecided(fresh.filter((part) => part.matches(".card")).map(idOf), Boolean(one('[rel="next"]', page)));
  if (!open().length) {
    list().replaceChildren(...one("#list", page).childNodes);
    places.clear();
    arriving = arrive(open());
    return;
  }
  const news = unseen.length - tail.length;
  const line = one("#news");
  line.hidden = !news;
  line.textContent = news ? `${news} new: press n to load` : "";
  if (cards().length < FEW) for (const part of tail) {
    const day = fresh.slice(0, fresh.indexOf(part)).findLast((other) => other.matches(".day"));
    if (day && !all(".day", list()).some((other) => other.textContent.trim() === day.textContent.trim())) list().append(day.cloneNode(true));
    list().append(document.adoptNode(part));
  }
}

// What others have decided goes; the one that is read, and one that has just come back, stay and say so.
function dropDecided(waiting, hasMore) {
  const shown = cards();
  const end = hasMore ? shown.findLastIndex((card) => waiting.includes(idOf(card))) : shown.length;
  for (const card of shown.slice(0, end)) {
    if (waiting.includes(idOf(card)) || isForeign(card)) continue;
    if (card === current() || returned.has(idOf(card))) giveUp(card);
    else card.remove();
  }
}

async function loadNews() {
  const read = current() && idOf(current());
  await sending;
  await refresh({ whole: true }).catch((error) => tell(error.message, { bad: true }));
  arriving = arrive([document.getElementById(`lead-${read}`), ...open()]);
}
one("#news").addEventListener("click", loadNews);

let newest = null;
const events = new EventSource("/events");
events.addEventListener("queue", (event) => {
  const told = JSON.parse(event.data);
  if (newest !== null && told.newest_lead !== newest) refreshSoon();
  newest = told.newest_lead;
});
addEventListener("pagehide", () => events.close());
