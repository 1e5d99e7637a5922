"""The fixed phrases of Project Gutenberg: where header and footer begin and end, and how pictures are marked.

A phrase stands beside texts that have it, and texts that look like it and were written by the author. The tests try
each. What is worded freely, such as notes and credits, is judged by `signs`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Phrase:
    """One wording.

    Attributes:
        pattern: regular expression that ignores case, and in which ^ and $ are the ends of a line.
        found: texts in which it is found.
        left: texts in which no phrase of the same table is found.
    """

    pattern: str
    found: tuple[str, ...]
    left: tuple[str, ...] = ()


def compiled(table: Iterable[Phrase], before: str = "", after: str = "") -> re.Pattern[str]:
    """Returns the compiled regular expression that finds each phrase of `table`, between two others."""
    any_phrase = "|".join(phrase.pattern for phrase in table)
    return re.compile(f"{before}(?:{any_phrase}){after}", re.IGNORECASE | re.MULTILINE)


# Above the book: the first words of a header.
FIRST_WORDS = (
    Phrase(r"this is the \w+ \d{4} project gutenberg release", ("This is the May 1992 Project Gutenberg release of:",)),
    Phrase(
        r"project gutenberg['’]?s?(?: of)?(?: australia| canada)? (?:e-?text|e-?book)\b",
        ("Project Gutenberg Etext of The Lamp", "Project Gutenberg of Australia eBook", "Project Gutenberg's eBook"),
        ("Project Gutenberg was founded in 1971.",),
    ),
    Phrase(r"e-?text file presented by", ("Etext file presented by Ann Other",)),
    Phrase(r"[^\n]{0,80}--this is the project gutenberg e-?text", ("The Lamp--This is the Project Gutenberg Etext",)),
)
BEFORE_FIRST_WORDS = r"\W*(?:an? |the |this is the \d+\w* )?"

# Below the book: its last line in the words of the project, and what else can begin a footer.
LAST_WORDS = (
    Phrase(
        r"^[ \t*<]*end of (?:(?:the|this) )?(?:is )?(?:copyrighted )?(?:project gutenberg|e-?text|e-?book)",
        ("End of Project Gutenberg's The Lamp", "**End of The Project Gutenberg Etext", "End of this Etext"),
        ("The end of the project", "In the end of this etext she believed."),
    ),
    Phrase(
        r"^[ \t*<]*ende (?:dieses?|des|von) (?:pro[jz]e[ck]t gutenberg|e-?text|e-?book)",
        ("Ende dieses Projekt Gutenberg Etextes", "Ende des Project Gutenberg"),
    ),
    Phrase(r"^[ \t*<]*fin (?:de|du) (?:ce )?(?:projet|project) gutenberg", ("Fin de Project Gutenberg",)),
)
FOOTERS = (
    Phrase(r"^(?:the end\s+)?project gutenberg(?: of)? (?:australia|canada)$", ("Project Gutenberg Australia",)),
    Phrase(
        r"^[ \t*<]*(?:the )?project gutenberg e-?(?:text|book) of [^\n]*(?:\n[^\n]+)?\n\*+ ?this file should be named",
        ("The Project Gutenberg Etext of The Lamp\n***** This file should be named lamp10.txt",),
    ),
    Phrase(
        r"^[ \t*<]*(?:start: full license|the full project gutenberg(?:-tm|™)? license)",
        ("*** START: FULL LICENSE ***", "THE FULL PROJECT GUTENBERG LICENSE"),
        ("*** START: FULL OF HOPE ***",),
    ),
    Phrase(
        r"^[ \t*<]*updated editions will replace the previous one", ("Updated editions will replace the previous one.",)
    ),
    Phrase(r"^[ \t*<]*content note \(added in", ("* CONTENT NOTE (added in 2017) *",)),
)
SMALL_PRINT_BEGINS = (
    Phrase(
        r"^[ \t]*(?:\*+[ \t]*(?:START\W*(?:THE )?)?|START\W*THE )SMALL PRINT!.*",
        ("***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***", "*SMALL PRINT! Ver.06.28.92*"),
        ("Read the small print! she said.",),
    ),
)
SMALL_PRINT_ENDS = (
    Phrase(
        r"^[ \t]*\**END\W*THE SMALL PRINT!.*",
        ("*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*", "ENDTHE SMALL PRINT! FOR PUBLIC DOMAIN"),
    ),
    Phrase(r"^[ \t]*\*+SMALL PRINT!.*\*END.*", ("*SMALL PRINT! Ver.06.28.92* The Lamp*END*",)),
    Phrase(r"^\[\"Small Print\" V\..*", ('["Small Print" V.12.08.93]',)),
    Phrase(r"^[ \t]*\**Version of 12-26-91.*(?:\n.*:.*|\nNY and IL.*)*", ("**Version of 12-26-91**",)),
)

# The first words in a bracket that stands for a picture or for music.
PICTURES = (
    Phrase(
        r"illustrations?|picture:|frontispiece(?=[:\]])|image(?=[:\]])|music illustration(?=\])",
        ("Illustration", "Illustration: A cat]", "Picture: A cat]", "Frontispiece: The lamp]"),
        ("Image of a king]", "Pictures of a king]"),
    ),
    Phrase(
        r"abbildung(?:en)?|bild(?=[:\]])|afbeelding(?:en)?|illustraties?|illustration(?:en|er)?|kuva(?=[:\]])",
        ("Abbildung: Katze]", "Bild: Katze]", "Afbeelding]", "Illustratie: een kat]", "Kuva: kissa]"),
        ("Bilder einer Reise]",),
    ),
    Phrase(
        r"ilustraci[óo]n(?:es)?|il·lustraci(?:ó|ons)|ilustraç(?:ão|ões)|illustrazion[ei]",
        ("Ilustración: Un gato]", "Ilustração]", "Illustrazione]"),
    ),
    Phrase(
        r"ilustra(?:jx|ĵ|j)o|ilustracj[ae]|rycina(?=[:\]])|illusztráció|larawan",
        ("Ilustrajxo: x.png]", "Ilustracja]", "Larawan]"),
    ),
)
