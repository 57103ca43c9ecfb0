// The keyboard of the queue. A key in an open menu is one of its choices; all others are in the help.
"use strict";

let commands = Promise.resolve(); // a key waits for the one before: no act falls on a lead that is not ours yet

const choice = (name) => one(name, current() ?? undefined);

function toggle(menu) {
  if (!menu) return;
  menu.open = !menu.open;
  if (!menu.open) return;
  const sheet = one(".menu-sheet", menu);
  one("button:not([hidden]), a, select", sheet)?.focus({ preventScroll: true });
  sheet.scrollIntoView({ block: "nearest" });
}

const ofCard = {
  p: () => choice('[data-act="promote"]')?.requestSubmit(),
  d: () => toggle(ticked().length ? one("details.menu", bulk()) : choice('[data-opens="d"]')),
  s: () => toggle(choice('[data-opens="s"]')),
  a: () => choice("[data-mine]")?.click(),
  A: () => toggle(choice('[data-opens="A"]')),
  o: () => choice("[data-open]")?.click(),
  r: () => location.assign(`/leads/${idOf(current())}#reply`),
  x: () => choice(".tick input")?.click(),
};
const ofPage = {
  j: () => advance(1),
  ArrowDown: () => advance(1),
  k: () => advance(-1),
  ArrowUp: () => advance(-1),
  u: () => undoLast(),
  w: () => one("#answer")?.click(),
  n: () => loadNews(),
  v: () => toggle(one("#views")),
  "/": () => one("#filters select")?.focus(),
  "?": () => one("#help")?.showModal(),
};

async function press(key) {
  await arriving;
  if (key in ofPage) return ofPage[key]();
  const card = current();
  if (!card) return advance(1); // nothing falls on a lead that nobody has chosen: the key shows which it would be
  if (!isOurs(card)) await claimAhead(card);
  if (card === current()) ofCard[key]();
}

document.addEventListener("keydown", (event) => {
  const menu = one("details.menu[open]");
  if (event.key === "Escape" && menu) {
    menu.open = false;
    (menu.closest(".card") ?? one("summary", menu)).focus({ preventScroll: true });
    return;
  }
  const typing = event.target.matches("input:not([type=checkbox]), select, textarea");
  if (event.key === "Escape" && typing) event.target.blur();
  if (event.target.matches("textarea") && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    one('[value="other"]', event.target.closest("form"))?.click();
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey || one("dialog[open]")) return;
  const button = menu && one(`[data-key="${CSS.escape(event.key)}"]`, menu);
  if (button) {
    event.preventDefault();
    const note = button.value === "other" && one("textarea", button.form);
    if (note && !note.value.trim()) note.focus();
    else commands = commands.then(() => button.form.requestSubmit(button));
  } else if (!menu && (event.key in ofCard || event.key in ofPage)) {
    event.preventDefault();
    commands = commands.then(() => press(event.key)).catch(() => {});
  } else if (menu && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    const choices = all("button:not([hidden]), a, textarea, select", one(".menu-sheet", menu));
    const at = choices.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    choices.at(at % choices.length)?.focus();
  }
});

one("#help-open")?.addEventListener("click", () => one("#help").showModal());
for (const hint of all(".keys")) hint.hidden = false;

// The views' counts, when somebody opens them.
one("#views")?.addEventListener("toggle", async (event) => {
  if (!event.target.open || event.target.dataset.counted) return;
  event.target.dataset.counted = "yes";
  const page = await load("/queue/views").catch(() => null);
  for (const row of page ? all("[data-count]", page) : []) {
    const view = one(`[data-view="${row.dataset.view}"]`, event.target);
    if (!view || !row.dataset.count) continue;
    const count = document.createElement("span");
    count.className = "count";
    count.textContent = row.dataset.count;
    view.append(" ", count);
  }
});
