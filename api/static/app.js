// Everything works without scripts; this one is on every page. What a page needs besides stands in a file of its own.
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
