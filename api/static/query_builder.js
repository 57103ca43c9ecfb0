// A query as fields, for whoever does not want to type it: in sync with the text as far as the text is that plain.
"use strict";

const builder = one("#builder");
const GROUPS = [
  ["all", "All of these", "crm"],
  ["any", "Any of these", "looking for, recommend, alternative to"],
  ["any2", "And any of these", ""],
  ["none", "None of these", "hiring, job"],
];
const LIMITS = [["community", "Only in"], ["platform", "Only on"], ["lang", "Only in the language"]];
const fields = {};
let theirs = false; // the text changes because of the fields

buildFields();
changed.addEventListener("text", () => theirs || showQuery());
showQuery();

function buildFields() {
  const heading = document.createElement("p");
  heading.className = "note";
  heading.id = "builder-note";
  builder.append(heading);
  const grid = document.createElement("div");
  grid.className = "groups";
  for (const [name, title, example] of [...GROUPS, ...LIMITS.map((limit) => [...limit, ""])]) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    label.textContent = title;
    input.placeholder = example;
    input.dir = "auto";
    input.setAttribute("aria-describedby", "builder-note");
    input.addEventListener("input", writeQuery);
    label.append(input);
    grid.append(label);
    fields[name] = input;
  }
  builder.append(grid);
  builder.hidden = false;
}

function showQuery() {
  const query = readPlain(area.value);
  const known = LIMITS.map(([name]) => name);
  const plain = query && query.any.length < 3 && Object.keys(query.only).every((name) => known.includes(name));
  for (const input of Object.values(fields)) input.disabled = !plain;
  one("#builder-note").textContent = plain
    ? "Words and phrases, with commas between them. The text below says the same."
    : "This query is written by hand: it says more than these fields can show.";
  if (!plain) {
    for (const input of Object.values(fields)) input.value = "";
    return;
  }
  fields.all.value = query.all.join(", ");
  fields.any.value = (query.any[0] ?? []).join(", ");
  fields.any2.value = (query.any[1] ?? []).join(", ");
  fields.none.value = query.none.join(", ");
  for (const name of known) fields[name].value = (query.only[name] ?? []).join(", ");
}

function writeQuery() {
  const terms = (name) => fields[name].value.split(",").map((term) => term.trim()).filter(Boolean);
  const only = Object.fromEntries(LIMITS.map(([name]) => [name, terms(name)]));
  theirs = true;
  setExpression(writePlain({ all: terms("all"), any: [terms("any"), terms("any2")], none: terms("none"), only }));
  theirs = false;
}
