// The composer works without this file. With it: the thread comes by itself, guardrails are checked while one writes,
// snippets are inserted, Ctrl+Enter approves, and the approved words are copied as the post is opened.
"use strict";

{
  const find = (selector, root = document) => root.querySelector(selector);
  const findAll = (selector, root = document) => [...root.querySelectorAll(selector)];
  const parsed = (html) => new DOMParser().parseFromString(html, "text/html");

  // --- the thread as it stands now ---
  const around = find("[data-thread]");
  if (around) {
    fetch(around.dataset.thread)
      .then((answer) => (answer.ok ? answer.text() : Promise.reject(answer)))
      .then((html) => {
        const thread = parsed(html).querySelector("#thread");
        if (!thread) return;
        thread.removeAttribute("id");
        around.replaceChildren(document.adoptNode(thread));
        const known = find("[data-known]");
        if (known) known.hidden = true; // it stands in what just came
      })
      .catch(() => {}); // the link stays
  }

  // --- who came here to write writes at once ---
  // When all is loaded: going to the address's fragment takes the focus away.
  const begin = () => find("[data-copy], #reply-text, #write")?.focus({ preventScroll: true });
  if (location.hash === "#reply") addEventListener("load", () => setTimeout(begin));

  // --- the words ---
  const form = find("form[data-check]");
  const text = form && find("#reply-text", form);
  if (form) {
    const saved = find("#saved");
    let waiting = 0;
    let asked = 0;
    let dirty = false;

    const check = async () => {
      const mine = ++asked;
      const words = text.value;
      const body = new URLSearchParams(new FormData(form));
      body.delete("override");
      try {
        const answer = await fetch(form.dataset.check, { method: "POST", body });
        if (new URL(answer.url).pathname === "/login") return location.assign("/login");
        const page = parsed(await answer.text());
        if (mine !== asked) return;
        const fresh = page.querySelector("#check");
        if (!answer.ok || !fresh) {
          saved.textContent = page.querySelector("#problem")?.textContent ?? "Not saved.";
          return;
        }
        const aside = new Set(findAll("input[name=override]:checked", find("#check")).map((box) => box.value));
        for (const box of findAll("input[name=override]", fresh)) box.checked = aside.has(box.value);
        find("#check").replaceWith(document.adoptNode(fresh));
        if (words === text.value) dirty = false;
        saved.textContent = "Saved.";
      } catch {
        saved.textContent = "The server cannot be reached. Your words are only here.";
      }
    };

    text.addEventListener("input", () => {
      dirty = true;
      saved.textContent = "";
      clearTimeout(waiting);
      waiting = setTimeout(check, 600);
    });
    text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      form.requestSubmit();
    });
    form.addEventListener("submit", (event) => {
      clearTimeout(waiting);
      asked += 1;
      dirty = false;
      if (form.getAttribute("aria-busy") === "true") event.preventDefault();
      form.setAttribute("aria-busy", "true");
    });
    addEventListener("pageshow", () => form.removeAttribute("aria-busy"));
    addEventListener("beforeunload", (event) => {
      if (dirty) event.preventDefault();
    });

    for (const button of findAll("[data-insert]")) {
      button.hidden = false;
      button.addEventListener("click", () => {
        const words = find(".text", button.closest(".snippet")).textContent;
        text.setRangeText(words, text.selectionStart, text.selectionEnd, "end");
        text.focus();
        text.dispatchEvent(new Event("input"));
      });
    }
    // The line that says who writes stands at the end: one begins above it.
    if (text.value.startsWith("\n")) text.setSelectionRange(0, 0);
  }

  // --- approved: copy and open ---
  const copy = find("[data-copy]");
  if (copy) {
    const words = find("#approved-text");
    const copied = find("#copied");
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(words.value);
      } catch {
        words.select();
        document.execCommand("copy"); // where the page is not served over HTTPS
      }
      copied.textContent = "Copied. Paste it under the post, then come back with its address.";
      find("#permalink").focus({ preventScroll: true });
    });
  }
}
