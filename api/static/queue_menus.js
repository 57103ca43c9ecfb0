// The menus of the queue stand on the page once: the card that is used has them in the place of its links.
"use strict";

const menus = all("#menus > details"); // they outlive the cards in which they stand
const links = new Map(); // the link in whose place a menu stands

function dress(card) {
  for (const menu of menus) {
    const link = one(`a[data-menu="${menu.dataset.opens}"]`, card);
    if (!link) continue; // it stands there already
    menu.open = false;
    if (links.has(menu)) menu.replaceWith(links.get(menu));
    links.set(menu, link);
    link.replaceWith(menu);
    const form = one("form", menu);
    form.reset();
    form.action = `/leads/${idOf(card)}/${form.dataset.act}`;
    if (form.elements.position) form.elements.position.value = link.dataset.place;
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-menu]");
  const card = link?.closest(".card[data-lead]");
  if (!card || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  dress(card);
  const menu = one(`[data-opens="${link.dataset.menu}"]`, card);
  menu.open = true;
  one("summary", menu).focus({ preventScroll: true });
});
