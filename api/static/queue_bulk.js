// Several leads for one reason: the ticked ones, and obvious groups to tick at once. Nothing else goes in bulk.
"use strict";

const bulk = () => one("#bulk");
const ticked = () => cards().filter((card) => one(".tick input", card)?.checked);

function showTicks() {
  if (!bulk()) return;
  const number = ticked().length;
  bulk().hidden = !number;
  one(".ticked", bulk()).textContent = number === 1 ? "1 lead is ticked." : `${number} leads are ticked.`;
}

const groups = {
  author: (card, of) => card.dataset.author === of.dataset.author,
  promotions: (card, of) => card.dataset.community === of.dataset.community && card.dataset.intent === "promotion",
  none: () => false,
};

document.addEventListener("click", (event) => {
  const group = event.target.closest("[data-tick]")?.dataset.tick;
  if (!group) return;
  const of = ticked().at(-1);
  for (const card of cards()) {
    const box = one(".tick input", card);
    if (box && !isForeign(card)) box.checked = groups[group](card, of) || (group !== "none" && box.checked);
  }
  showTicks();
});
document.addEventListener("change", (event) => { if (event.target.closest(".tick")) showTicks(); });
for (const button of all("[data-tick]")) button.hidden = false;
showTicks();
