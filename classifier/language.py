"""The language that a post is written in. The model reads English; what it cannot read is not judged at all."""

import re
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from classifier.text import PostText

ENGLISH = "en"

# What has no language of its own: addresses, code, handles, hashtags, and words with digits.
_NO_WORDS = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|`[^`\n]*`|[@#/]\w\S*|\S*\d\S*")
_LETTER = re.compile(r"[^\W\d_]")
# So much of a text is read: enough for any doubt, and a long post costs no more than a page.
_READ = 1_000
# Fewer letters say too little ("merci", "Zoom"), except where a letter is a syllable or a word.
_MIN_LETTERS = 12
_DENSE = re.compile(r"[\u0900-\u0dff\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_MIN_DENSE_LETTERS = 6
# Of 16,350 posts the surest wrong answer about an English one had 0.38; see docs/model.md.
_MIN_CONFIDENCE = 0.6
# Words that hardly any other language writes so. Where they are a good share of a text in ASCII, it is English, and
# py3langid, which takes 2 ms a post, need not be asked.
_COMMON = """
about and any are as be been but by can do don't for from had has have how i i'm if is it it's just my not of or that
the there they this to we what when which who with would you your
"""
_COMMON_WORDS = frozenset(_COMMON.split())
_MIN_COMMON, _MIN_COMMON_SHARE, _MIN_ASCII_SHARE = 4, 0.15, 0.9
# A line of English beside another language is enough to judge the post: it may be the ask, or a translation.
_ENGLISH_LINE = 40


def find_language(post: PostText) -> str | None:
    """ISO 639-1 code of a post's language; None where it is too short or too mixed to tell.

    It prefers "en" and None: both are judged, and a post that is not judged is lost.
    """
    whole = post.whole
    if _is_plainly_english(whole[:_READ]):
        return ENGLISH
    text = _NO_WORDS.sub(" ", whole)[:_READ]
    language = _identify(text)
    if language in (ENGLISH, None):
        return language
    lines = [line for line in text.splitlines() if len(_LETTER.findall(line)) >= _ENGLISH_LINE]
    return None if ENGLISH in map(_identify, lines) else language


def _is_plainly_english(text: str) -> bool:
    words = text.lower().split()
    common = sum(word in _COMMON_WORDS for word in words)
    if common < max(_MIN_COMMON, _MIN_COMMON_SHARE * len(words)):
        return False
    return len(text.encode("ascii", "ignore")) >= _MIN_ASCII_SHARE * len(text)


def _identify(text: str) -> str | None:
    letters = len(_LETTER.findall(text))
    if letters < (_MIN_DENSE_LETTERS if len(_DENSE.findall(text)) * 2 > letters else _MIN_LETTERS):
        return None
    language, confidence = _identifier().classify(text)
    return language if confidence >= _MIN_CONFIDENCE else None


@cache
def _identifier() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    # Nigerian Pidgin is English enough to be judged, and what headlines in English are taken for; "zxx" is no
    # language, and what English in ornamental letters is taken for.
    identifier.set_languages(set(identifier.labels) - {"pcm", "zxx"})
    return identifier
