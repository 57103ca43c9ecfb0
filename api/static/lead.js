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

  // --- who opens a lead keeps it from others while it is open --------------------------------------------------------

  const opened = one(".lead[data-claim]");

  function fields() {
    return new URLSearchParams({ lead: opened.dataset.claim, csrf: opened.dataset.csrf });
  }

  async function claim() {
    if (document.hidden || document.prerendering) return;
    try {
      const answer = await fetch("/queue/claims", { method: "POST", body: fields(), headers: { Accept: "application/json" } });
      const name = answer.ok && (await answer.json()).others[opened.dataset.claim];
      if (name) say(`${name} is looking at this lead.`);
    } catch {
      // it can be read all the same, and the acts themselves tell what is wrong
    }
  }

  if (opened) {
    let lastActive = Date.now();
    const seconds = Number(opened.dataset.claims);
    for (const sign of ["keydown", "pointerdown"]) document.addEventListener(sign, () => { lastActive = Date.now(); }, true);
    setInterval(() => { if (Date.now() - lastActive < seconds * 1000) claim(); }, seconds * 400);
    for (const sign of ["visibilitychange", "prerenderingchange"]) document.addEventListener(sign, claim);
    addEventListener("pageshow", claim); // also when the browser goes back to it
    addEventListener("pagehide", () => navigator.sendBeacon("/queue/claims/release", fields()));
  }
}
