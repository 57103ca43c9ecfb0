"""HTML as platforms send it → the plain text that its author wrote."""

import html
import re
from collections.abc import Iterator, Mapping

# Longer markup is cut: five times the longest text that is stored.
_MAX_MARKUP = 200_000

_RAW = frozenset({"script", "style"})
_NOT_TEXT = frozenset({"template", "svg", "head"})
# Quoted text is somebody else's: who quotes "can anyone recommend a CRM?" to answer it is not looking for one.
# Forums put quotes and previews of linked pages into `aside`.
_NOT_THE_AUTHORS = frozenset({"blockquote", "aside"})
_QUOTE_MARK = "[…]"
_FENCE = "```"

_PARAGRAPHS = frozenset({"p", "pre", "ul", "ol", "dl", "table", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "figure"})
_LINES = frozenset({"div", "tr", "dt", "dd", "section", "article", "details", "summary", "figcaption"})
# Elements that are never closed.
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)

_SPACES = re.compile(r"[ \t\n\r\f]+")
_TAG = re.compile(r"""<(/?)([a-zA-Z][^\s/>]*+)((?:[^>"']|"[^"]*+"|'[^']*+')*+)>""")
_ATTRIBUTE = re.compile(r"""([^\s=/"'<>]++)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+))?""")
_LOOKS_LIKE_MARKUP = re.compile(r"<(?:[!?]|/?[a-zA-Z])")
_END, _COMMENT_END, _RAW_END = re.compile(">"), re.compile("-->"), re.compile("</(?:script|style)[^>]*>", re.IGNORECASE)


def plain(markup: str) -> str:
    """The text: paragraphs, lists and addresses of links stay, quotes become `[…]`, code is fenced. Decoded once."""
    text = _PlainText()
    _read(markup[:_MAX_MARKUP], text)
    return "".join(text.parts).strip()


def attributes_of(name: str, markup: str) -> Iterator[dict[str, str]]:
    """The attributes of each such element, in order."""
    found = _TAG.finditer(markup[:_MAX_MARKUP])
    return (_attributes(tag[3]) for tag in found if not tag[1] and tag[2].lower() == name)


def _read(markup: str, text: "_PlainText") -> None:
    """Each character is looked at once. The standard library's parser takes half a minute for 20 kB of `<a/<a/<a/`."""
    at: int | None = 0
    while at is not None and at < len(markup):
        if markup[at] != "<":
            end = markup.find("<", at)
            end = len(markup) if end < 0 else end
            text.add(html.unescape(markup[at:end]))
            at = end
        elif tag := _TAG.match(markup, at):
            at = tag.end()
            name = tag[2].lower()
            if tag[1]:
                text.close(name)
            elif name in _RAW:
                at = _end_of(_RAW_END, markup, at)
            else:
                text.open(name, _attributes(tag[3]))
        elif markup.startswith("<!--", at):
            at = _end_of(_COMMENT_END, markup, at)
        elif _LOOKS_LIKE_MARKUP.match(markup, at):  # `<!`, `<?`, or a tag that does not end
            at, start = _end_of(_END, markup, at), at
            if at is None:
                text.add(html.unescape(markup[start:]))
        else:
            text.add("<")
            at += 1


def _end_of(mark: re.Pattern[str], markup: str, at: int) -> int | None:
    """Where it ends; None if it never does."""
    found = mark.search(markup, at)
    return found.end() if found else None


def _attributes(text: str) -> dict[str, str]:
    found = (match.groups(default="") for match in _ATTRIBUTE.finditer(text))
    return {name.lower(): html.unescape(value.strip("\"'")) for name, value in found}


class _PlainText:
    def __init__(self) -> None:
        self.parts: list[str] = []
        self._breaks = 0
        """Line breaks that are due before the next text."""
        self._in_code = 0
        self._left_out: str | None = None
        """The element whose content is left out until it is closed, and how many of its name are open."""
        self._open = 0
        self._link: tuple[str, int] | None = None
        """The address of the open link, and where its text begins."""

    def open(self, tag: str, attributes: Mapping[str, str]) -> None:
        if self._left_out is not None:
            self._open += tag == self._left_out
            return
        classes = attributes.get("class", "").split()
        if tag in _NOT_TEXT or tag in _NOT_THE_AUTHORS or ("meta" in classes and tag not in _VOID):
            self._leave_out(tag, attributes)
        elif tag == "a":
            self._begin_link(attributes.get("href", ""), classes)
        elif tag == "img":  # custom emoji are images too: their alt is `:party:`
            self._write(attributes.get("alt", ""))
        elif tag == "br":
            self._break(min(self._breaks + 1, 2))
        elif tag == "li":
            self._break(1)
            self._write("- ")
        elif tag in {"td", "th"}:
            self._write(" ")
        else:
            self._begin_or_end_block(tag)
            if tag == "pre":
                self._write(_FENCE)
                self._break(1)
                self._in_code += 1

    def close(self, tag: str) -> None:
        if self._left_out is not None:
            self._open -= tag == self._left_out
            if not self._open:
                self._left_out = None
        elif tag == "a":
            self._end_link()
        else:
            if tag == "pre" and self._in_code:
                self._in_code -= 1
                self._break(1)
                self._write(_FENCE)
            self._begin_or_end_block(tag)

    def add(self, data: str) -> None:
        if self._left_out is None:
            self._write(data if self._in_code else _SPACES.sub(" ", data))

    def _leave_out(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._left_out, self._open = tag, 1
        if tag in _NOT_THE_AUTHORS:
            self._break(2)
            self._write(attributes.get("data-onebox-src") or _QUOTE_MARK)  # a preview stands where a link was typed
            self._break(2)

    def _begin_or_end_block(self, tag: str) -> None:
        if tag in _PARAGRAPHS:
            self._break(2)
        elif tag in _LINES:
            self._break(1)

    def _begin_link(self, address: str, classes: list[str]) -> None:
        is_name = {"mention", "hashtag"} & set(classes)
        if address.startswith(("https://", "http://")) and not is_name:
            self._write("")  # the breaks that are due stand before the link
            self._link = address, len(self.parts)

    def _end_link(self) -> None:
        if self._link is None:
            return
        address, start = self._link
        text = "".join(self.parts[start:])
        # Long addresses are shown cut; the whole one says more.
        is_address = address.startswith(text.removesuffix("..."))
        self.parts[start:] = [address if is_address else f"{text} ({address})"]
        self._link = None

    def _break(self, breaks: int) -> None:
        self._breaks = max(self._breaks, breaks)

    def _write(self, text: str) -> None:
        if self._breaks and (text.strip() or self._in_code or not text):
            while self.parts and not self.parts[-1].strip():
                self.parts.pop()
            if self.parts:
                self.parts[-1] = self.parts[-1].rstrip()
                self.parts.append("\n" * self._breaks)
            self._breaks = 0
        if not self._in_code and (not self.parts or self.parts[-1].endswith((" ", "\n"))):
            text = text.lstrip(" ")
        if text and not (self._breaks and not text.strip()):
            self.parts.append(text)
