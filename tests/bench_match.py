"""How fast all queries of all campaigns are matched against new posts at once: 1,000 queries of 10,000 terms.

In processor time of one core, and as a ratio to a reference in the same run (normalising and splitting the same
posts), as a shared machine is noisy.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Iterable, Sequence

from cli.demo import SAMPLE
from overheard.query_language import Matcher, PostText, read
from overheard.text import normalise
from tests import measured

N_POSTS = 5_000
N_QUERIES = 1_000
TERMS = 10
BAR = 5_000  # posts a second
HEAD = ("matched", "posts a second of one core", "times splitting into words", "built in", "matches a post")
COMMON = 0.02  # of the queries that hold a word of everyday talk, which brings noise


def write_posts(n: int, rng: random.Random) -> list[PostText]:
    """Invented posts with the lengths of real ones: the sentences of the bundled sample, shuffled."""
    rows = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    sentences = [sentence for row in rows for sentence in row["body"].split(". ")]
    return [
        PostText(
            rng.choice(rows)["title"],
            ". ".join(rng.choices(sentences, k=1 + min(int(rng.expovariate(1 / 5)), 30))),
        )
        for _ in range(n)
    ]


def write_queries(posts: Sequence[PostText], rng: random.Random) -> list[str]:
    """Queries as marketers write them: of brands that few posts name, with the words and phrases of their trade."""
    spoken = [post.body.replace('"', "").split() for post in posts[:2_000]]
    made_up = [f"{rng.choice('bcdfgklmnprst')}{number:x}ify" for number in range(N_QUERIES * TERMS)]

    def phrase() -> str:
        words = rng.choice(spoken)
        start = rng.randrange(len(words))
        return f'"x {" ".join(words[start : start + 3])}"'

    def query() -> str:
        said = (
            f'"{rng.choice(rng.choice(spoken))}x"' if rng.random() > COMMON else f'"{rng.choice(rng.choice(spoken))} "'
        )
        brands = " OR ".join([*rng.sample(made_up, TERMS - 5), said, phrase(), phrase()])
        needs = " OR ".join([f"{rng.choice(made_up)}*", f'"looking for {rng.choice(made_up)}"'])
        return rng.choice([f"{brands} OR ({needs})", f"({brands} OR {needs}) -hiring", f"({brands}) near/5 ({needs})"])

    return [query() for _ in range(N_QUERIES)]


def processor_seconds(work: Callable[[PostText], object], posts: Iterable[PostText]) -> float:
    started = time.process_time()
    for post in posts:
        work(post)
    return time.process_time() - started


def main() -> list[str]:
    """Print figures; a row of them, as `HEAD` says."""
    rng = random.Random(1)  # noqa: S311 - no secret
    posts = write_posts(N_POSTS, rng)
    expressions = {number: read(text) for number, text in enumerate(write_queries(posts, rng))}
    started = time.process_time()
    matcher = Matcher(expressions)
    building = time.process_time() - started
    reference = processor_seconds(lambda post: normalise(f"{post.title} {post.body}").text.split(), posts)
    met = [len(matcher.match(post)) for post in posts[:500]]
    seconds = processor_seconds(matcher.match, posts)
    row = [
        f"{N_QUERIES:,} queries, {N_QUERIES * TERMS:,} terms",
        f"{N_POSTS / seconds:,.0f} (bar {BAR:,})",
        f"{seconds / reference:.1f}",
        f"{building:.2f} s",
        f"{sum(met) / len(met):.2f}",
    ]
    print(", ".join(f"{what}: {figure}" for what, figure in zip(HEAD, row, strict=True)))  # noqa: T201 - its output
    return row


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    measured.add_option(parser)
    write_docs = parser.parse_args().write_docs
    row = main()
    if write_docs:
        measured.write("match", HEAD, [row])
