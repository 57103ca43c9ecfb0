// Copies what is shown once, and sets a role as soon as it is chosen. Both work without this file too.
"use strict";

for (const button of document.querySelectorAll("[data-copy]")) {
  const field = document.querySelector(button.dataset.copy);
  button.hidden = !navigator.clipboard;
  field.addEventListener("focus", () => field.select());
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(field.value);
    button.textContent = "Copied";
  });
}

for (const select of document.querySelectorAll("select[data-send]")) {
  select.form.querySelector("[data-apply]").hidden = true;
  select.addEventListener("change", () => select.form.requestSubmit());
}
