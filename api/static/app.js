// Everything works without this file; with it, acts on the queue are applied in place and the keyboard works.
"use strict";

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const one = (selector, root = document) => root.querySelector(selector);

// --- light and dark -------------------------------------------------------------------------------------------------

const theme = one("#theme");
theme.hidden = false;
theme.addEventListener("click", () => {
  const chosen = document.documentElement.dataset.theme;
  const dark = chosen === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : chosen === "dark";
  const next = dark ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  document.cookie = `overheard_theme=${next}; path=/; max-age=31536000; samesite=lax`;
});

// --- small comforts -------------------------------------------------------------------------------------------------

const filters = one("#filters");
if (filters) {
  one(".apply", filters).hidden = true;
  filters.addEventListener("change", () => filters.requestSubmit());
}

document.addEventListener("click", (event) => {
  for (const menu of all("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

// --- acts in place --------------------------------------------------------------------------------------------------

const list = one("#list");
const decided = new Set(); // leads whose act is under way: an answer to an earlier act may still show them

function tell(text) {
  const line = document.createElement("div");
  line.className = "flash bad";
  line.textContent = text;
  one("#flash").replaceChildren(line);
}

function hideDecided() {
  for (const lead of decided) one(`#lead-${lead}`)?.remove();
  for (const day of all(".day", one("#list"))) if (!day.nextElementSibling?.matches(".card")) day.remove();
}

function show(page) {
  for (const part of all("[data-swap]")) {
    const fresh = one(`[data-swap="${part.dataset.swap}"]`, page);
    if (fresh) part.replaceWith(document.adoptNode(fresh));
  }
  one("#flash").replaceChildren(...one("#flash", page).childNodes);
  hideDecided();
}

let sending = Promise.resolve(); // one act after the other, so that the last answer is about the last act

function act(form, submitter) {
  const lead = form.action.match(/leads\/(\d+)\//)[1];
  const undoes = form.dataset.act === "undo";
  const card = one(`#lead-${lead}`);
  const body = new URLSearchParams(new FormData(form, submitter));
  if (undoes) decided.delete(lead);
  else {
    decided.add(lead);
    if (card === current()) move(1);
    card?.classList.add("leaving");
  }
  sending = sending.then(() => send(form.action, body, lead)).catch(() => tell("That did not work. Reload the page."));
}

async function send(action, body, lead) {
  let answer;
  let page;
  try {
    answer = await fetch(action, { method: "POST", body });
    page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    tell("The server cannot be reached. Nothing was changed.");
  }
  if (answer && new URL(answer.url).pathname === "/login") location.assign("/login");
  else if (answer?.ok) {
    const held = current()?.id;
    show(page);
    if (held) select(document.getElementById(held), false);
  } else if (answer) tell(one("#problem", page)?.textContent ?? "That did not work.");
  decided.delete(lead);
  if (!answer?.ok) one(`#lead-${lead}`)?.classList.remove("leaving");
}

if (list)
  document.addEventListener("submit", (event) => {
    if (!event.target.dataset.act) return;
    event.preventDefault();
    act(event.target, event.submitter);
  });

// --- keyboard -------------------------------------------------------------------------------------------------------

const current = () => one(".card.current");

function select(card, scroll = true) {
  if (!card) return;
  current()?.classList.remove("current");
  card.classList.add("current");
  card.focus({ preventScroll: true });
  if (scroll) card.scrollIntoView({ block: "nearest" });
}

function move(step) {
  const cards = all(".card[data-lead]:not(.leaving)");
  const at = cards.indexOf(current());
  select(cards[at + step] ?? (at < 0 ? cards[0] : cards[at - step] ?? cards[at]));
}

const keys = {
  j: () => move(1),
  k: () => move(-1),
  p: () => one('[data-act="promote"]', current() ?? undefined)?.requestSubmit(),
  o: () => one("[data-open]", current() ?? undefined)?.click(),
  u: () => one("#undo")?.form.requestSubmit(),
  d: () => {
    const menu = current() && one("details.menu", current());
    if (!menu) return;
    menu.open = !menu.open;
    if (menu.open) one("button", menu).focus();
  },
};

if (list) {
  for (const hint of all(".keys")) hint.hidden = false;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") for (const menu of all("details.menu[open]")) menu.open = false;
    const typing = event.target.matches("input, select, textarea");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    if ("po".includes(event.key) && !current()) return;
    event.preventDefault();
    keys[event.key]();
  });
}
