// The editor of a query: colours, completion, what it finds in plain words, and the back-test while one types.
// It stands in a shadow root, where CodeMirror takes constructed style sheets: our policy allows no style elements.
"use strict";

const editorForm = one("#editor");
const area = one("#expression");
const vocabulary = JSON.parse(editorForm.dataset.vocabulary);
const changed = new EventTarget(); // "text": the expression is another one
const CM = CodeMirror;
let waiting = null;
let asked = new AbortController();

const OPERATORS = [
  ["AND", "both sides; a blank means the same"],
  ["OR", "at least one side"],
  ["NOT", "must not occur"],
  ["near/5", "both, at most 5 words apart"],
  ["onear/5", "both in this order, at most 5 words apart"],
];
const FIELD_WORDS = {
  title: "in the title alone", body: "in the text alone", author: "who wrote it", community: "where it was written",
  platform: "on which platform", type: "post, comment or message", lang: "in which language, such as en",
  has: "question or link", min_words: "at least so many words", domain: "a link to it",
};

const editor = makeEditor();
check();

function makeEditor() {
  const host = document.createElement("div");
  host.className = "code";
  area.after(host);
  area.hidden = true;
  area.required = false; // a hidden field cannot be asked for; the server asks
  const language = CM.StreamLanguage.define({
    token: (stream) => {
      const [kind, length] = tokenAt(stream.string.slice(stream.pos));
      stream.pos += length;
      return { string: "string", literal: "literal", variable: "variableName", operator: "keyword", field: "propertyName", bracket: "paren", exclusion: "invalid", word: "content" }[kind] ?? null;
    },
    languageData: { closeBrackets: { brackets: ["(", '"', "`"] } },
  });
  const { tags } = CM;
  const colours = CM.HighlightStyle.define([
    { tag: tags.string, color: "var(--good)" },
    { tag: [tags.literal, tags.variableName], color: "var(--bad)" },
    { tag: tags.keyword, color: "var(--accent)", fontWeight: "600" },
    { tag: tags.propertyName, color: "var(--soft)", fontWeight: "600" },
    { tag: tags.invalid, color: "var(--bad)", fontWeight: "700" },
  ]);
  const look = CM.EditorView.theme({
    "&": { color: "var(--ink)", backgroundColor: "var(--raised)", border: "1px solid var(--edge)", borderRadius: "7px", fontSize: "13.5px" },
    "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "2px" },
    ".cm-content": { fontFamily: 'ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace', lineHeight: "1.6", padding: "7px 0", minHeight: "76px", caretColor: "var(--ink)" },
    ".cm-line": { padding: "0 10px" },
    ".cm-placeholder": { color: "var(--soft)" },
    ".cm-matchingBracket": { backgroundColor: "var(--evidence) !important" },
    ".cm-tooltip": { border: "1px solid var(--edge)", borderRadius: "7px", backgroundColor: "var(--raised)", color: "var(--ink)", overflow: "hidden" },
    ".cm-tooltip-autocomplete ul li": { padding: "3px 10px !important" },
    ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent) !important", color: "var(--on-accent) !important" },
    ".cm-completionDetail": { fontStyle: "normal", opacity: ".75" },
    // The library underlines by a picture in the style sheet, which our policy does not load.
    ".cm-lintRange-error": { backgroundImage: "none !important", borderBottom: "2px solid var(--bad)" },
    ".cm-diagnostic": { fontSize: "13px" },
  });
  const made = new CM.EditorView({
    parent: host.attachShadow({ mode: "open" }),
    root: host.shadowRoot,
    state: CM.EditorState.create({
      doc: area.value,
      extensions: [
        CM.keymap.of([
          { key: "Mod-Enter", run: () => (one("#save").click(), true) },
          ...CM.completionKeymap,
          ...CM.defaultKeymap,
          ...CM.historyKeymap,
        ]),
        CM.history(),
        CM.closeBrackets(),
        CM.bracketMatching(),
        CM.autocompletion({ override: [complete], icons: false }),
        language,
        CM.syntaxHighlighting(colours),
        look,
        CM.EditorView.lineWrapping,
        CM.placeholder(area.placeholder),
        CM.EditorView.contentAttributes.of({ "aria-label": "What to look for", spellcheck: "false", autocapitalize: "off" }),
        CM.EditorView.updateListener.of((update) => update.docChanged && typed()),
      ],
    }),
  });
  one("label[for=expression]").addEventListener("click", () => made.focus());
  return made;
}

/** Replace the whole expression, as the builder does. */
function setExpression(text) {
  editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text } });
}

function complete(context) {
  const value = context.matchBefore(/(?:community|platform|type|has):"?[^\s"()]*/i);
  if (value) {
    const [name] = value.text.toLowerCase().split(":", 1);
    const from = value.from + name.length + 1;
    return { from, options: vocabulary[name].map((label) => ({ label: /\s/.test(label) ? `"${label}"` : label })), validFor: /^[^\s()]*$/ };
  }
  const variable = context.matchBefore(/\$\{?[^}\s]*/);
  if (variable) return { from: variable.from, options: (vocabulary.variables ?? []).map((name) => ({ label: `\${${name}}`, detail: "words kept for all campaigns" })) };
  const word = context.matchBefore(/[A-Za-z_/]+/);
  if (!word && !context.explicit) return null;
  return {
    from: word?.from ?? context.pos,
    options: [
      ...FIELDS.map((name) => ({ label: `${name}:`, detail: FIELD_WORDS[name] })),
      ...OPERATORS.map(([label, detail]) => ({ label, detail })),
    ],
    validFor: /^[A-Za-z_/]*$/,
  };
}

// --- what it finds --------------------------------------------------------------------------------------------------

function typed() {
  area.value = editor.state.doc.toString();
  changed.dispatchEvent(new Event("text"));
  clearTimeout(waiting);
  waiting = setTimeout(check, 300);
}

async function ask(path, more = {}, headers = {}) {
  const body = new URLSearchParams([...new FormData(editorForm), ...Object.entries(more)]);
  return fetch(`/campaigns/${editorForm.dataset.campaign}/${path}`, { method: "POST", body, headers, signal: asked.signal });
}

async function check() {
  asked.abort();
  asked = new AbortController();
  const said = one("#said");
  if (!area.value.trim()) {
    said.replaceChildren();
    one("#backtest").replaceChildren();
    return;
  }
  try {
    const answer = await ask("check", {}, { Accept: "application/json" });
    if (!answer.ok) return;
    const { words, error, position } = await answer.json();
    const line = document.createElement("p");
    line.dir = "auto";
    line.textContent = error ?? words;
    line.className = error ? "wrong" : "";
    said.replaceChildren(line);
    const at = Math.min(position ?? 0, area.value.length);
    const from = Math.min(at, Math.max(0, area.value.length - 1));
    const marks = error && position !== null ? [{ from, to: Math.min(from + 1, area.value.length), severity: "error", message: error }] : [];
    editor.dispatch(CM.setDiagnostics(editor.state, marks));
    if (!error) await backtest();
  } catch (failure) {
    if (failure.name !== "AbortError") said.textContent = "The server does not answer. What you type stays here.";
  }
}

async function backtest() {
  const place = one("#backtest");
  place.setAttribute("aria-busy", "true");
  try {
    const answer = await ask("backtest", { fragment: "true" });
    if (answer.ok) place.replaceChildren(...new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes);
  } finally {
    if (!asked.signal.aborted) place.removeAttribute("aria-busy");
  }
}

one("#check").hidden = true; // it is checked while one types
one("#test").addEventListener("click", (event) => {
  event.preventDefault();
  check();
  one("#backtest").scrollIntoView({ block: "nearest" });
});
