"""Words of people in distress, in the languages besides English that the model reads.

They are read after normalising, as those of `sensitive.py` are: lower case, no accents. What English has in common
with a language (`suicid…`) stands there.
"""

CRISIS = {
    "de": (
        r"(?:suizid|selbstmord|selbstverletz)\w*",
        r"(?:mich|mir das leben) (?:selbst )?(?:zu )?(?:umbringen|umzubringen|toten|nehmen)",
        r"(?:will|mochte|wollte) (?:einfach |nur |nur noch )?sterben",
        r"(?:will|mochte|kann) (?:so )?nicht mehr (?:weiter)?leben(?! (?:mit|wie|in|bei)\b)",
        r"hausliche[rn]? gewalt",
        r"(?:schlagt|verprugelt|misshandelt) mich\b(?! vor)",
        r"(?:wurde|worden|bin) (?:\w+ )?(?:vergewaltigt|sexuell missbraucht)",
        r"meine? (?:mann|frau|sohn|tochter|mutter|vater|bruder|schwester|kind|mama|papa) ist (?:\w+ )?\w+storben",
        r"(?:bin|werde|werden|sind) (?:bald |jetzt )?obdachlos",
    ),
    "fr": (
        r"(?:me tuer|m'oter la vie|mettre fin a mes jours|en finir avec la vie)",
        r"(?:envie de|veux|voudrais) mourir\b(?! de rire)",
        r"veux plus vivre\b(?! (?:ici|comme|sans|avec|chez|a|dans)\b)",
        r"(?:automutil|scarifi)\w+",
        r"violences? (?:conjugales?|domestiques?)",
        r"(?:mari|conjoint|compagnon|copain|pere|femme|mere|copine) me (?:bat|frappe)",
        r"j'ai ete (?:violee?|abusee?|agressee?)\b",
        (
            r"m(?:on|a) (?:mari|femme|fils|fille|mere|pere|frere|soeur|enfant|maman|papa)"
            r" (?:est|vient de) (?:\w+ )?(?:morte?|mourir|decedee?|deceder)\b"
        ),
        r"(?:suis|serai|retrouver?) (?:a la rue|sdf)\b",
    ),
    "es": (
        r"(?:matarme|quitarme la vida|acabar con mi vida)",
        r"(?:quiero|quisiera|deseo) morir(?:me)?\b(?! de risa)",
        r"no quiero (?:seguir viviendo|vivir mas|estar viv[oa])",
        r"autolesion\w*",
        r"violencia (?:domestica|de genero|machista)",
        r"mi (?:marido|esposo|pareja|novio|padre|mujer|esposa|madre) me (?:pega|golpea|maltrata)",
        r"(?:(?:fui|he sido) (?:violad[oa]|abusad[oa])|me violaron|abusaron (?:sexualmente )?de mi)\b",
        (
            r"mi (?:marido|esposo|mujer|esposa|hijo|hija|madre|padre|hermano|hermana|mama|papa)"
            r" (?:ha |acaba de )?(?:muerto|murio|morir|fallecido|fallecio|fallecer)\b"
        ),
        r"(?:(?:estoy|quede|quedarme|quedado) sin hogar|viviendo en la calle|sobredosis)",
    ),
    "pt": (
        r"(?:me matar|tirar (?:a )?minha (?:propria )?vida|acabar com (?:a )?minha vida)",
        r"(?:quero|queria) morrer\b(?! de rir)",
        r"nao quero mais viver\b(?! (?:assim|com|em|na|no|aqui)\b)",
        r"automutil\w+",
        r"(?:marido|esposo|namorado|pai|esposa|mae) me (?:bate|espanca|agride)",
        r"fui (?:estuprad[oa]|violentad[oa]|abusad[oa] sexualmente)",
        r"(?:meu|minha) (?:marido|esposa|filho|filha|mae|pai|irmao|irma) (?:morreu|faleceu|acabou de \w+er)",
        r"(?:morando|morar) na rua",
    ),
    "it": (
        r"(?:uccidermi|ammazzarmi|togliermi la vita|farla finita)",
        r"vo(?:glio|rrei) (?:solo )?morire\b(?! dal ridere)",
        r"non voglio piu vivere\b(?! (?:qui|cosi|con|in)\b)",
        r"autolesionis\w+",
        r"violenza domestica",
        r"(?:marito|compagno|fidanzato|padre|moglie|madre) mi (?:picchia|mena|maltratta)",
        r"sono stat[oa] (?:violentat|stuprat|abusat)[oa]",
        (
            r"mi[oa] (?:marito|moglie|figlio|figlia|madre|padre|fratello|sorella|mamma|papa)"
            r" e (?:\w+ )?(?:mort|mancat|decedut)[oa]\b"
        ),
        r"(?:finire|vivo|dormo) per strada",
    ),
    "nl": (
        r"(?:zelfmoord|zelfdoding|zelfbeschadig|automutilat)\w*",
        r"(?:mezelf|mijzelf) (?:van kant|iets aan)\b",
        r"ik wil (?:gewoon |alleen maar |echt )?dood\b",
        r"wil niet (?:meer|langer) leven\b(?! (?:zo|met|in|zonder)\b)",
        r"huiselijk geweld",
        r"mijn (?:man|vriend|vader|partner|vrouw|moeder) (?:slaat|mishandelt) (?:me|mij)\b",
        r"(?:ben|werd) (?:\w+ )?(?:verkracht|seksueel misbruikt)",
        r"mijn (?:man|vrouw|zoon|dochter|moeder|vader|broer|zus|kind) is (?:\w+ )?(?:overleden|gestorven)",
        r"(?:word|ben|raak|worden) (?:bijna |straks )?dakloos",
    ),
}
