"""The words by which the cleaner knows what Project Gutenberg and its volunteers wrote: tables of phrases.

A phrase stands beside texts that have it, and texts that look like it and were written by the author. To teach the
cleaner a new wording, add a row, or an example to one. The tests run each example. What is done about a phrase, and
where in a file it counts, is in `boilerplate` and `notes`.
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


def any_of(table: Iterable[Phrase]) -> str:
    """Returns the regular expression that finds each phrase of `table`: "(?:a|b)"."""
    return "(?:" + "|".join(phrase.pattern for phrase in table) + ")"


def compiled(table: Iterable[Phrase], before: str = "", after: str = "") -> re.Pattern[str]:
    """Returns the compiled regular expression of `table`, between two others."""
    return re.compile(before + any_of(table) + after, re.IGNORECASE | re.MULTILINE)


# Above the book: the first words of a header, and words of its other paragraphs.
FIRST_WORDS = (
    Phrase(r"this is the \w+ \d{4} project gutenberg release", ("This is the May 1992 Project Gutenberg release of:",)),
    Phrase(
        r"project gutenberg['’]?s?(?: of)?(?: australia| canada)? (?:e-?text|e-?book)",
        ("Project Gutenberg Etext of The Lamp", "Project Gutenberg of Australia eBook", "Project Gutenberg's eBook"),
        ("Project Gutenberg was founded in 1971.",),
    ),
    Phrase(r"e-?text file presented by", ("Etext file presented by Ann Other",)),
    Phrase(r"[^\n]{0,80}--this is the project gutenberg e-?text", ("The Lamp--This is the Project Gutenberg Etext",)),
)
HEADER_WORDS = (
    Phrase(r"project gutenberg|of volunteers|your donations", ("prepared by thousands of volunteers",)),
    Phrase(r"e-?texts?\b|e-?books?\b|should be named", ("This file should be named lamp10.txt", "this eBook")),
    Phrase(r"copyright laws are changing", ("Copyright laws are changing all over the world.",)),
    Phrase(r"we encourage you to keep this|do not (?:remove|change) (?:this|it)", ("Please do not remove this.",)),
    Phrase(
        r"^(?:title|author|translator|editor|illustrator|language|release date|posting date|last updated|credits"
        r"|edition|character set encoding):",
        ("Title: The Lamp", "Language: English"),
        ("She asked for the title: it was lost.",),
    ),
)

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

# Titles of notes by volunteers. In a book, the title starts with a capital letter, unlike the same words in a sentence.
NOTE_TITLES = (
    Phrase(
        r"(?:original |pg |e-?text )?transcri(?:ber|ption(?:ist)?)['’]?s?['’]? *(?:end|foot)?notes?",
        ("Transcriber's Note", "TRANSCRIBER’S NOTES", "Transcription notes", "Etext transcriber's note"),
        ("Transcribers are people.",),
    ),
    Phrase(
        r"(?:preparer|redactor|scanner|proofreader|digitizer|e-?book editor|e-?text editor)['’]s? notes?",
        ("PREPARER'S NOTE", "Redactor's note", "E-text editor's notes"),
        ("EDITOR'S NOTE",),
    ),
    Phrase(
        r"notes? by the (?:e-?text|e-?book) (?:editor|producer)"
        r"|(?:errata|errors)(?: and \w+)? \(?noted by (?:the )?transcriber",
        ("NOTES BY THE E-TEXT EDITOR", "Errors and Anomalies noted by transcriber"),
        ("Notes by the editor",),
    ),
    Phrase(
        r"(?:original )?(?:comments|notes?) (?:on|to|about) (?:the (?:preparation of the )?|this )(?:e-?text|e-?book)"
        r"|(?:preface|introduction|notes?) to the project gutenberg (?:e-?text|e-?book|edition)",
        ("Comments on the preparation of the e-text", "Preface to the Project Gutenberg Etext", "Note on this eBook"),
    ),
    Phrase(
        r"note from the original file|typographical errors corrected",
        ("Note from the original file", "Typographical errors corrected in text:"),
    ),
    Phrase(
        r"(?:anmerkung(?:en)?|bemerkung(?:en)?|hinweise?|notiz(?:en)?) (?:zur|der|des|zu dieser|zum) "
        r"(?:transkri\w+|bearbeit\w+|e-?(?:text|book)\w*|elektronischen \w+)"
        r"|im folgenden werden alle geänderten text\w+",
        ("Anmerkungen zur Transkription", "Hinweise zur Transkription", "Anmerkung des Bearbeiters"),
        ("Anmerkungen zur zweiten Auflage", "Anmerkungen des Verfassers"),
    ),
    Phrase(
        r"(?:notes?|remarques?) (?:d[eu]|de la|des|sur la|relatives? à la|au lecteur de) "
        r"(?:transcri\w+|ce(?:tte)? (?:fichier|version|livre) (?:num|élec|dig)\w+)",
        ("Note du transcripteur", "Notes de transcription", "Note au lecteur de ce fichier numérique"),
        ("Notes de l'auteur", "Note au lecteur"),
    ),
    Phrase(
        r"(?:notas?|observaciones|advertencia) (?:del?|do|da|de la|sobre la|sobre a) transcri\w+"
        r"|nota d[eo] editor: devido à existência de erros",
        ("Nota del Transcriptor", "NOTA DE TRANSCRIPCIÓN", "Notas da transcrição", "Nota do transcritor"),
        ("Nota del traductor", "Nota do autor"),
    ),
    Phrase(
        r"not[ae] (?:del(?:la)?|di|alla|sulla) trascri\w+",
        ("Nota del Trascrittore", "Note di trascrizione", "NOTE DEL TRASCRITTORE"),
        ("Note dell'autore",),
    ),
    Phrase(
        r"(?:opmerking(?:en)?|noot|noten|aantekening(?:en)?) (?:van de|bij deze?) "
        r"(?:bewerker|transcri\w+|e-?(?:tekst|boek)\w*)|transcri\w+ opmerking(?:en)?",
        ("Opmerkingen van de bewerker", "Aantekeningen van de transcribent"),
        ("Opmerkingen van den schrijver",),
    ),
    Phrase(
        r"transkri\w+ (?:anmärkning|anteckning|notering|kommentar)\w*"
        r"|(?:anmärkning|anteckning|notering|not)(?:ar|er|en)? (?:om|till|av|från) transkri\w+",
        ("Transkriberarens anmärkning", "Anmärkningar om transkriberingen"),
        ("Anmärkningar till första delen",),
    ),
    Phrase(
        r"transs?kri\w+ (?:bemærkning|bemerkning|merknad|note)\w*|noter? (?:fra|af|av|om) transs?kri\w+",
        ("Transskriberens bemærkninger", "Note fra transskriptionen"),
    ),
    Phrase(
        r"(?:uwag[ai]|notatk[ai]|nota|przypis\w*) (?:od |do |w sprawie )?(?:transkry\w+|wersji elektronicznej)",
        ("Uwagi do wersji elektronicznej", "Notatki transkrybenta"),
        ("Uwagi do wydania drugiego",),
    ),
    Phrase(r"(?:rimark|not)oj? (?:de|pri) la transs?krib\w+", ("Notoj de la transskribinto",)),
    Phrase(r"(?:paliwanag|talâ|paalala) ng (?:tagapagsalin|nagsalin)", ("Talâ ng Tagapagsalin",)),
)
# Titles that authors use too. The text below must be about files or spelling.
SHARED_TITLES = (
    Phrase(r"au lecteur|liste des modifications", ("Au lecteur", "Liste des modifications")),
    Phrase(r"notes?|errat(?:a|um)", ("NOTES", "Erratum")),
    Phrase(r"al lector|ao leitor|al lettore|aan de lezer|an den leser", ("Al lector", "Aan de lezer")),
)
ABOUT_THE_FILE = (
    Phrase(
        r"transcri|\be-?text\b|\be-?book\b|digitali[sz]|this text by modern",
        ("this e-text has", "was transcribed from", "I have modernized this text by modernizing"),
        ("Occupent nos esprits et travaillent nos corps.", "The lamp was made in Bristol."),
    ),
    Phrase(
        r"version (?:électronique|numérisée)|liste des modifications|page\s+\d+: «[^»]*» (?:par|remplacé)"
        r"|erreurs (?:manifestes|typographiques)|dans l['’]original",
        ("Cette version électronique", "Page 140: «condammés» remplacé par", "Seules les erreurs manifestes"),
    ),
    Phrase(
        r"versión electrónica|errores de imprenta|erros tipográficos|errori tipografici|zetfouten"
        r"|druckfehler (?:wurden|sind)",
        ("Los errores de imprenta han sido corregidos", "Druckfehler wurden berichtigt"),
    ),
)
MORE_OF_THE_NOTE = (
    Phrase(
        r"typograph|hyphenat|italic|underscore|misprint|punctuation|spelling|printer['’]s error|as printed|retained",
        ("Hyphenation was made alike.", "Italics are shown _so_.", "Printer's errors were corrected."),
        ("Marley was dead, to begin with.",),
    ),
    Phrase(r"transcri|e-?text|footnotes (?:have|were)", ("Footnotes have been moved to the end.",)),
)
BRACKETED_REMARKS = (
    Phrase(
        r"(?:this|the|in this|spelling|text)\b(?=[^\[\]]{0,300}"
        r"(?:\be-?text\b|utf-8|unicode|text encoding|text reader|transcriber))",
        ("This text uses UTF-8 (Unicode) file encoding.", "The etext has [oe] for the ligature"),
        ("The vertical line No. 108 was said to", "This is addressed to the priests"),
    ),
)

# Credits: the first words of a paragraph that says who made the file.
CREDITS = (
    Phrase(
        r"[\W_]*(?:(?:this|the) )?(?:updated )?(?:(?:project gutenberg )?(?:e-?text|e-?book|file|text|edition) )?"
        r"(?:(?:was|is|has been) )?(?:first |originally |kindly )?(?:produced|prepared|created|transcribed|scanned"
        r"|digiti[sz]ed|typed|keyed|proofread|proofed|reformatted) (?:and [\w-]+ )?(?:by|from|anonymously)\b",
        (
            "Produced by Ann Other and Bo Nother",
            "E-text prepared by Ann Other",
            "This etext was produced by Ann Other.",
            "Transcribed from the 1916 Quill & Sons edition by Ann Other, email ann@example.org",
            "Etext reformatted by Ann Other",
            "Scanned and proofed by Ann Other",
        ),
        ("She produced a lamp.", "The play was a success."),
    ),
    Phrase(r"[\W_]*this e-?text is in \w+\W*\Z", ("This etext is in English.",)),
    Phrase(
        r"[\W_]*(?:credits:|an anonymous volunteer|html (?:version|file) by)",
        ("Credits: Ann Other", "An Anonymous Volunteer, and Ann Other", "HTML version by Bo Nother."),
    ),
)
PROJECT = (
    Phrase(r"project\s+gutenberg|gutenberg\.(?:org|net|aol)|pglaf", ("from Project\nGutenberg", "www.gutenberg.org")),
    Phrase(r"pgdp|distributed\s+proofread", ("at http://www.pgdp.net", "the Online Distributed\nProofreading Team")),
    Phrase(
        r"gallica\.bnf|internet archive",
        ("images from www://gallica.bnf.fr", "made available by The Internet Archive"),
        ("a library in Paris",),
    ),
    Phrase(r"pg ebook ?#|\bebook #\d|[78][- ]bit (?:ascii|version)", ("see PG eBook #21", "the 8-bit version")),
)
# What volunteers say of a file, unlike an author who names the project.
ABOUT_THE_COPY = (
    Phrase(
        r"generously|pgdp|gallica\.bnf|distributed\s+proofread|gutenberg\.(?:org|net|aol)|pglaf|images of the original",
        ("images generously made available", "images of the original pages"),
        (
            "Michael Hart founded Project Gutenberg in 1971, and the Internet Archive followed in 1996.",
            "In her lecture she praised Project Gutenberg. Its eBook #1 is the Declaration of Independence.",
        ),
    ),
    Phrase(r"[78][- ]bit (?:ascii|version)|portions of this header", ("There is also a 7-bit version.",)),
    Phrase(
        r"\A\W*(?:\[?e-?book #\d+\W*\Z|this (?:e-?text|e-?book|file|is the|is a copyrighted|project gutenberg)"
        r"|html version|note:|linked index of"
        r"|(?:all of )?(?:the(?:se)? )?(?:original )?project gutenberg(?:['’]s)? e-?(?:text|book)s?\b)",
        ("[eBook #123]", "This etext", "LINKED INDEX OF PROJECT GUTENBERG VOLUMES:", "Note: the original"),
    ),
    Phrase(
        r"may not be used in any sales|our (?:version|edition)|(?:e-?text|e-?book|edition) (?:is|was) ",
        ("may not be used in any sales of Project Gutenberg", "This edition was made from"),
    ),
    Phrase(
        r"pg e-?book ?#|e-?book #\d+(?s:.){0,80}\bsee\b|\bsee\b(?s:.){0,80}e-?book #\d+",
        ("ORDER  TITLE     PG EBOOK#", "For another version,\nsee eBook #76"),
    ),
)
SIGNED_CREDIT = (
    Phrase(
        r"e-?text|e-?book|[\w.]+@\w+\.\w|digiti[sz]ed by|html version by",
        ("Etext reformatted by Ann Other", "Ann Other, ann@example.org", "Digitized by Ann Other."),
        ("Produced by the Theatre of Lights, 1911",),
    ),
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
