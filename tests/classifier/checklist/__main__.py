"""The pass rates of a model, as tables in Markdown: `python -m tests.classifier.checklist`."""
# ruff: noqa: T201 - it is a command

from classifier.model import load_model
from overheard.settings import read_settings
from tests.classifier.checklist import Passed, judge_pairs, judge_variations, read_pairs, total


def main() -> None:
    settings = read_settings()
    model = load_model(settings.model_path, settings.encoder_path)
    pairs = read_pairs()
    print(f"{model.version}, threshold {model.threshold}\n")
    print("| capability | pairs | asks flagged | twins not flagged | ask above its twin |\n|---|--:|--:|--:|--:|")
    passed = judge_pairs(model, pairs)
    for name, one in passed.items():
        print(_line(name, one))
    print(_line("**all**", total(list(passed.values()))))
    print("\n| variation | asks still flagged | twins still not flagged | verdicts that stay |\n|---|--:|--:|--:|")
    for name, stayed in judge_variations(model, pairs).items():
        asks, twins = f"{stayed.asks_stay} of {stayed.asks}", f"{stayed.twins_stay} of {stayed.twins}"
        print(f"| {name} | {asks} | {twins} | {stayed.share:.0%} |")


def _line(name: str, one: Passed) -> str:
    return f"| {name} | {one.pairs} | {one.asks} | {one.twins} | {one.above} |"


if __name__ == "__main__":
    main()
