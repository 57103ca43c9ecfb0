// The board works without this file by the menu of each card; with it, cards are dragged, and moved with the arrow keys.
"use strict";

{
  const board = () => one(".board");
  const columnOf = (card) => card.closest(".column");
  const wayTo = (card, stage) => card.querySelector(`.way[data-to="${stage}"]`);

  for (const hint of all(".board-help .script")) hint.hidden = false;

  function say(text) {
    const line = document.createElement("div");
    line.className = "flash bad";
    line.textContent = text;
    one("#flash").replaceChildren(line);
  }

  // --- one move ------------------------------------------------------------------------------------------------------

  let sending = Promise.resolve(); // one move after the other, so that the last answer shows the last move

  function send(form, submitter) {
    const card = form.closest(".board-card");
    const body = new URLSearchParams(new FormData(form, submitter));
    card?.classList.add("moving");
    sending = sending.then(() => post(form.action, body, card?.id)).catch(() => say("That did not work. Reload the page."));
  }

  async function post(action, body, held) {
    let answer;
    let page;
    try {
      answer = await fetch(action, { method: "POST", body });
      page = new DOMParser().parseFromString(await answer.text(), "text/html");
    } catch {
      say("The server cannot be reached. Nothing was changed.");
    }
    if (answer && new URL(answer.url).pathname === "/login") location.assign("/login");
    else if (answer?.ok) show(page, held);
    else if (answer) say(one("#problem", page)?.textContent ?? "That did not work.");
    for (const card of all(".moving")) card.classList.remove("moving");
  }

  function show(page, held) {
    const left = board().scrollLeft;
    board().replaceWith(document.adoptNode(one(".board", page)));
    board().scrollLeft = left;
    one("#flash").replaceChildren(...one("#flash", page).childNodes);
    const card = held && document.getElementById(held);
    if (card) {
      card.focus({ preventScroll: true });
      card.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  }

  // What a move has to know is asked for on the card itself.
  function move(card, stage) {
    const way = wayTo(card, stage);
    if (!way) return say(refusal(card, stage));
    const menu = way.querySelector("details");
    if (!menu) return way.querySelector("form").requestSubmit();
    card.querySelector(".ways").open = true;
    menu.open = true;
    (menu.querySelector("textarea[required]") ?? menu.querySelector("button")).focus();
    return undefined;
  }

  function refusal(card, stage) {
    const name = (value) => board().querySelector(`[data-stage="${value}"]`)?.dataset.name ?? value;
    const from = columnOf(card).dataset.stage;
    const open = all(".way[data-to]", card).map((way) => name(way.dataset.to));
    const ways = open.length ? `From there it can go to: ${open.join(", ")}.` : "Nothing leads on from there.";
    return `A ${name(from)} lead cannot become ${name(stage)}. ${ways}`;
  }

  document.addEventListener("submit", (event) => {
    if (!event.target.dataset.act) return;
    event.preventDefault();
    send(event.target, event.submitter);
  });

  // --- the mouse -----------------------------------------------------------------------------------------------------

  let held = null;

  document.addEventListener("dragstart", (event) => {
    held = event.target.closest?.(".board-card[draggable]");
    if (!held) return;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", held.dataset.lead);
    held.classList.add("held");
    for (const column of all(".column"))
      if (column !== columnOf(held)) column.classList.add(wayTo(held, column.dataset.stage) ? "open-to" : "shut");
  });

  document.addEventListener("dragover", (event) => {
    const column = held && event.target.closest(".column");
    if (!column) return;
    event.preventDefault(); // a closed column takes it too, to say why it cannot stay
    for (const other of all(".column.over")) if (other !== column) other.classList.remove("over");
    if (column.matches(".open-to")) column.classList.add("over");
  });

  document.addEventListener("drop", (event) => {
    const column = held && event.target.closest(".column");
    if (!column) return;
    event.preventDefault();
    if (column !== columnOf(held)) move(held, column.dataset.stage);
  });

  document.addEventListener("dragend", () => {
    held?.classList.remove("held");
    for (const column of all(".column")) column.classList.remove("open-to", "shut", "over");
    held = null;
  });

  // --- the keyboard --------------------------------------------------------------------------------------------------

  function step(card, by) {
    const cards = all(".board-card", columnOf(card));
    cards[cards.indexOf(card) + by]?.focus();
  }

  function push(card, by) {
    const columns = all(".column");
    for (let at = columns.indexOf(columnOf(card)) + by; columns[at]; at += by)
      if (wayTo(card, columns[at].dataset.stage)) return move(card, columns[at].dataset.stage);
    return say(by > 0 ? "No stage further on is open to this lead." : "No earlier stage is open to this lead.");
  }

  const keys = {
    ArrowUp: (card) => step(card, -1),
    ArrowDown: (card) => step(card, 1),
    ArrowLeft: (card) => push(card, -1),
    ArrowRight: (card) => push(card, 1),
    Enter: (card) => card.querySelector(".board-name a").click(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const card = event.target.closest?.(".board-card");
    if (event.key === "Escape" && card) {
      for (const menu of all("details[open]", card)) menu.open = false;
      card.focus();
    } else if (event.target.matches(".board-card") && keys[event.key]) {
      event.preventDefault();
      keys[event.key](event.target);
    } else if (event.key === "u" && !event.target.matches("input, select, textarea")) {
      one("#undo")?.form.requestSubmit();
    }
  });
}
