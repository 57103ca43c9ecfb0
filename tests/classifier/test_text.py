import pytest

from classifier.text import MAX_CHARACTERS, MAX_SENTENCES, PostText, Sentence, split_sentences


def words(post: PostText) -> list[str]:
    fields = {"title": post.title, "body": post.body}
    return [fields[sentence.field][sentence.start : sentence.end] for sentence in split_sentences(post)]


def test_sentences_are_spans_of_what_was_typed() -> None:
    post = PostText("  Leaving Acme. What now?", "It broke.\n\n- too slow\n- too dear\nAny ideas?  ")
    assert words(post) == ["Leaving Acme.", "What now?", "It broke.", "- too slow", "- too dear", "Any ideas?"]


def test_unreadable_characters_become_blanks_without_moving_the_rest() -> None:
    post = PostText("A\x00B", "half \ud83d pair. Right\u202eleft. Fine?")
    assert post.readable("title") == "A B"
    assert len(post.readable("body")) == len(post.body)
    assert words(post)[-1] == "Fine?"
    post.whole.encode()


def test_a_post_without_title_or_body_is_its_other_half() -> None:
    assert PostText("", "only this").whole == "only this"
    assert PostText("only this", "").whole == "only this"
    assert PostText("", "").whole == ""
    assert split_sentences(PostText("", " \n ")) == ()


def test_leaving_a_sentence_out_blanks_it_and_nothing_else() -> None:
    post = PostText("One. Two.", "Three.")
    assert post.without((Sentence("title", 5, 9),)) == PostText("One.     ", "Three.")


@pytest.mark.parametrize(
    "body", ["a. " * 400_000, "x" * 1_000_000, "\n" * 1_000_000, "🙂" * 500_000, "http://a.b/?" * 90_000]
)
def test_of_a_megabyte_no_more_is_read_than_of_a_page(body: str) -> None:
    post = PostText("A title", body)
    assert len(post.whole) <= sum(MAX_CHARACTERS.values()) + 2
    assert len(split_sentences(post)) <= MAX_SENTENCES


@pytest.mark.parametrize(
    ("body", "judged"),
    [
        ("Try ```crm = buy()``` now", "Try now"),
        ("It says:\n```\nlooking for a CRM\n```\nWhy?", "It says: Why?"),
        ("It says:\n\n    Traceback\n    looking\n\nWhy?", "It says: Why?"),
        ("> Can anyone recommend a CRM?\n\nYes.", "Yes."),
        ("We need\n\n- a CRM\n\n    for twenty people", "We need - a CRM for twenty people"),
        (">50 people work here", ">50 people work here"),
        ("A fence ``` that nobody closed", "A fence ``` that nobody closed"),
        ("```\nDear all, I am looking for a CRM.\n```", "``` Dear all, I am looking for a CRM. ```"),
    ],
)
def test_code_and_quotes_are_not_judged_and_move_nothing(body: str, judged: str) -> None:
    post = PostText.of("", body)
    assert " ".join(post.whole.split()) == judged
    assert len(post.body) == len(body)


@pytest.mark.parametrize(
    ("body", "judged"),
    [
        ("> Can anyone recommend a CRM?", "Thoughts on this?"),
        ("```\nlooking for a CRM\n```", "Thoughts on this?"),
        ("    Dear all,\n    we look for a CRM.", "Thoughts on this? Dear all, we look for a CRM."),
    ],
)
def test_under_a_title_a_body_of_code_or_quotes_says_nothing_but_a_letter_that_is_indented_does(
    body: str, judged: str
) -> None:
    assert " ".join(PostText.of("Thoughts on this?", body).whole.split()) == judged
