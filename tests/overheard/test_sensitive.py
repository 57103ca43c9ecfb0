"""The words by which threads are left alone: what they meet, and what only looks like it. All texts are invented."""

import pytest

from overheard.replying.guardrails.sensitive import Trouble, trouble_in


@pytest.mark.parametrize(
    "text",
    [
        "I just want to die.",
        "I was abused at home.",
        "Ich will nicht mehr leben.",
        "Meine Mutter ist gestern gestorben.",
        "J'ai été violée l'an dernier.",
        "Je veux plus vivre.",
        "Mi marido me pega.",
        "No quiero seguir viviendo.",
        "Minha mãe faleceu em março.",
        "Eu quero morrer.",
        "Mio padre è appena morto.",
        "Non voglio più vivere.",
        "Mijn moeder is gisteren overleden.",
        "Ik wil niet meer leven.",
    ],
)
def test_somebody_in_distress_is_left_alone_in_whatever_language(text: str) -> None:
    assert trouble_in(text) is Trouble.CRISIS


@pytest.mark.parametrize(
    "text",
    [
        "They beat me to it, again.",
        "She hits me with a new request every day.",
        "Slowly taking my life back from e-mail.",
        "These labels are being abused for scraping.",
        "It would be career suicide to pick that vendor.",
        "I don't want to live in the spreadsheet any more.",
        "Nobody was going to die of a late invoice.",
        "Das will nicht mehr laufen.",
        "Envie de mourir de rire devant ce logiciel.",
        "Muero por probarlo: ¿qué CRM usáis?",
        "Mijn man is dood op van de boekhouding.",
    ],
)
def test_what_only_sounds_like_it_is_not(text: str) -> None:
    assert trouble_in(text) is None
