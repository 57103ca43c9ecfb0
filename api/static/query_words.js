// The keyword language as the browser needs it: its tokens for colours, and its plain form for the builder.
// What a query means is said by the server alone; docs/queries.md has the language.
"use strict";

const FIELDS = ["title", "body", "author", "community", "platform", "type", "lang", "has", "min_words", "domain"];
const TOKENS = [
  ["string", /^"[^"]*"?/],
  ["literal", /^`[^`]*`?/],
  ["variable", /^\$\{[^}]*\}?/],
  ["operator", /^(?:AND|OR|NOT)(?![^\s()"`])/],
  ["operator", /^o?near\/[0-9]+(?![^\s()"`])/i],
  ["field", new RegExp(`^(?:${FIELDS.join("|")}):`, "i")],
  ["bracket", /^[()]/],
  ["exclusion", /^-(?=[^\s)-])/],
  ["word", /^[^\s"()`]+/],
];

/** The token at the beginning of a text: its kind and its length. */
function tokenAt(text) {
  for (const [kind, pattern] of TOKENS) {
    const met = pattern.exec(text);
    if (met) return [kind, met[0].length];
  }
  return ["blank", 1];
}

function tokensOf(text) {
  const tokens = [];
  for (let at = 0; at < text.length; ) {
    const [kind, length] = tokenAt(text.slice(at));
    if (kind !== "blank") tokens.push({ kind, text: text.slice(at, at + length) });
    at += length;
  }
  return tokens;
}

/** A query in its plain form: `{all, any: [[…], …], none, only: {field: […]}}`. Null: it is written by hand. */
function readPlain(text) {
  const tokens = tokensOf(text);
  const query = { all: [], any: [], none: [], only: {} };
  const term = () => {
    const token = tokens[0];
    if (token?.kind !== "word" && token?.kind !== "string") return null;
    tokens.shift();
    return token.kind === "word" ? token.text : /^".+"$/s.test(token.text) ? token.text.slice(1, -1) : null;
  };
  const either = () => {
    if (tokens[0]?.text !== "(") return null;
    tokens.shift();
    const terms = [term()];
    while (tokens[0]?.text === "OR") terms.push((tokens.shift(), term()));
    return tokens.shift()?.text === ")" && !terms.includes(null) ? terms : null;
  };
  while (tokens.length) {
    const [first] = tokens;
    if (first.kind === "exclusion") {
      tokens.shift();
      const left = tokens[0]?.text === "(" ? either() : [term()];
      if (!left || left.includes(null)) return null;
      query.none.push(...left);
    } else if (first.kind === "field") {
      const name = tokens.shift().text.slice(0, -1).toLowerCase();
      if (name === "title" || name === "body" || query.only[name]) return null;
      const values = tokens[0]?.text === "(" ? either() : [term()];
      if (!values || values.includes(null)) return null;
      query.only[name] = values;
    } else if (first.text === "(") {
      const terms = either();
      if (!terms) return null;
      query.any.push(terms);
    } else {
      if (first.text.startsWith("~")) return null;
      const word = term();
      if (word === null || (word === "*" && text.trim() !== "*")) return null;
      query.all.push(word);
    }
  }
  return query;
}

const quoted = (term) => (/^[^\s"()`:~$-][^\s"()`:]*$/.test(term) && !/^(?:AND|OR|NOT|o?near\/\d+)$/i.test(term) ? term : `"${term.replaceAll('"', "")}"`);
const joined = (terms) => (terms.length > 1 ? `(${terms.map(quoted).join(" OR ")})` : terms.map(quoted).join(""));

/** The plain form as text. */
function writePlain(query) {
  return [
    ...query.all.map(quoted),
    ...query.any.filter((terms) => terms.length).map(joined),
    ...Object.entries(query.only).filter(([, values]) => values.length).map(([name, values]) => `${name}:${joined(values)}`),
    ...query.none.map((term) => `-${quoted(term)}`),
  ].join(" ");
}
