// The lead's page works without this file; with it, what is written down is kept in place, and only its part changes.
"use strict";

{

  function say(text) {
    const line = document.createElement("div");
    line.className = "flash bad";
    line.textContent = text;
    one("#flash").replaceChildren(line);
  }

  // A choice needs no button: it is sent as it is made.
  function prepare(root) {
    for (const form of all("form[data-auto]", root)) {
      const button = form.querySelector("button");
      if (button) button.hidden = true;
    }
  }

  function show(page, form) {
    const typed = new Map(); // what somebody is still typing in another form stays
    for (const field of all("form[data-desk] :is(input, textarea, select)")) {
      if (field.form !== form && field.id && field.value !== field.defaultValue && field.type !== "hidden" && field.matches("input, textarea"))
        typed.set(field.id, field.value);
    }
    const focused = document.activeElement?.id;
    for (const part of all("[data-part]")) {
      const fresh = page.querySelector(`[data-part="${part.dataset.part}"]`);
      if (fresh) part.replaceWith(document.adoptNode(fresh));
    }
    one("#flash").replaceChildren(...one("#flash", page).childNodes);
    for (const [id, value] of typed) {
      const field = document.getElementById(id);
      if (field) field.value = value;
    }
    prepare(document);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  async function send(form, submitter) {
    const body = new URLSearchParams(new FormData(form, submitter));
    form.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.action, { method: "POST", body });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (new URL(answer.url).pathname === "/login") location.assign("/login");
      else if (answer.ok) show(page, form);
      else say(one("#problem", page)?.textContent ?? "That did not work.");
    } catch {
      say("The server cannot be reached. Nothing was changed.");
    }
    form.removeAttribute("aria-busy");
  }

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-desk]")) return;
    event.preventDefault();
    if (event.target.getAttribute("aria-busy") !== "true") send(event.target, event.submitter);
  });

  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (form?.matches("[data-auto]") && form.checkValidity()) form.requestSubmit();
  });

  prepare(document);
}
