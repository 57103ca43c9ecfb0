// A blind sample is answered by one key while it has the focus; answered so, the next one has the focus.
(() => {
  const card = document.getElementById("sample");
  if (!card) return;
  const remembered = "overheard-sample";
  for (const key of card.querySelectorAll("kbd")) key.hidden = false;
  if (sessionStorage.getItem(remembered)) {
    sessionStorage.removeItem(remembered);
    card.focus();
  }
  card.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const button = card.querySelector(`button[data-key="${CSS.escape(event.key)}"]`);
    if (!button) return;
    event.preventDefault();
    event.stopPropagation();
    sessionStorage.setItem(remembered, "1");
    button.click();
  });
})();
