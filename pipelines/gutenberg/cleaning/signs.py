"""Words, in many languages, that are signs of who wrote a paragraph: the author, or Project Gutenberg's volunteers.

No sign decides alone: an author may name Project Gutenberg, and a preface may speak of misprints. `judging` adds up the
weights of all signs of a paragraph. Most signs speak for the volunteers; `story` and `by` speak for the author.

To teach the cleaner a wording, add its words to the sign that they belong to, with an example. The tests try each
example. Then fit the weights again: `python -m benchmarks.gutenberg --fit`.
"""

from pipelines.gutenberg.cleaning.phrases import Phrase

# Searched at the start of every word, in small letters. Where two signs match at one place, the first of them counts.
WORDS = {
    "project": Phrase(
        r"pro[jgyc]\w{2,6}\s+gutenberg|gutenberg(?:-tm|™|\.(?:org|net|ca|aol))|gutenberg literary|pglaf"
        r"|michael\s+(?:s\. )?hart|pg['’]?s? (?:e-?text|e-?book|edition|online|volunteer)\w*"
        r"|gutenberg of (?:australia|canada)",
        ("from Project\nGutenberg", "ce projet Gutenberg", "www.gutenberg.org", "Michael S. Hart", "PG edition"),
        ("Gutenberg printed in Mainz.",),
    ),
    "partner": Phrase(
        r"distributed\s+proof\w+|pgdp|(?:online\s+)?proofreading team|internet\s+archive|gallica"
        r"|google (?:books|print)|hathi ?trust|wikisource|runeberg|ibiblio|libri ?vox|canadiana"
        r"|ebooks libres|ebooksgratuits|making of america|aozora|spiegel\.de|biblioth[eè]que nationale"
        r"|million books?",
        ("the Online Distributed\nProofreading Team", "The Internet Archive", "gallica.bnf.fr"),
        ("a library in Paris",),
    ),
    "etext": Phrase(
        r"e-?te?xt(?:e[ns]?|s)?\b|e-?books?\b|sähkökirja\w*|e-?könyv\w*|e-?boken?\b|e-?boek\w*"
        r"|livre électronique|original file|wersj\w+ elektron\w+|project['’]s (?:te?xt|edition)",
        ("This e-text", "Etextes", "these eBooks"),
        ("The text of the treaty",),
    ),
    "file": Phrase(
        r"electronic (?:te?xt|edition|version|copy|book|file|form)\w*|hypertext|html?\b|ascii|utf-?8"
        r"|unicode|(?:te?xt[eo]?|testo|tekst|édition|edition|livre|fichier|edici[oó]n|versi[oó]n\w*|libro"
        r"|edizione|uitgave|wydani\w+|wersj\w+|lingvo) (?:num[eé]ri|[eé]lectroni|elektroni|elettroni"
        r"|electr[oó]ni|eletr[oô]ni|digital|cyfrow)\w*"
        r"|(?:elektroni|digital|eletr[oô]ni|cyfrow)\w* (?:te?xt|tekst|fassung|version|ausgabe|edition"
        r"|buch|utgåv|udgave|utgave|uitgave|boek|wersj)\w*|iso[- ]?8859|latin-?1|\d-bit|plain text"
        r"|text[- ]files?|word processor\w*|character set|(?:text|file) encoding|markup|download\w*"
        r"|(?:text|txt) (?:reader|editor|viewer)|browser\w*|this file"
        r"|files? (?=should|is|was|has|contains)|files? (?:name|size)\w*|zip\b",
        ("the HTML version", "cette version numérisée", "Versión electrónica", "UTF-8"),
        ("The text of the treaty", "his electric lamp"),
    ),
    "agent": Phrase(
        r"transcri(?:[bpçctev])\w*|trans?s?kr[iy]\w+|trascri\w+|redactor|preparer|scanners?\b"
        r"|proof-?(?:read|ed|ing)\w*|digiti[sz]\w+|digitali[sz]\w+|num[eé]ris\w+|escane\w+|gescannt\w*"
        r"|eingescannt|scanned|scans?\b|scanning|ocr\b|volunteers?|freiwillige\w*|b[eé]n[eé]voles"
        r"|vol[uo]nt[aá]ri\w*|vrijwilligers|(?:van de )?bewerker|tagapagsalin|nagsalin|des bearbeiters"
        r"|page images?|images? (?:of the|files?)|generously",
        ("Transcriber's Note", "Transkriberarens", "scanned by", "numérisé par", "Redactor's note"),
        ("the translator", "He described it."),
    ),
    "deixis": Phrase(
        r"(?:this|these|our|the (?:present|following)|cet(?:te)?|ces?|notre|nuestr[ao]|est[ae]|quest[oa]|diese[rsmn]?"
        r"|onze|deze|dit|den(?:na|ne)|det(?:ta|te)|tämä\w*|niniejsz\w+|ten|tego|ĉi tiu)\s+"
        r"(?=(?:\w+\s+){0,2}?(?:e-?te?xt|e-?book|te?xt[eo]?|testo|tekst|édition|edi[tcz]i?[oó]n|vers(?:i[oó]n|ão)|transcri|transs?kri|release"
        r"|file|document|fichier|livre|libro|ausgabe|fassung|uitgave|utgåv|udgave|wydani))",
        ("this edition", "dieser Ausgabe", "cette édition", "the present version"),
        ("this lamp",),
    ),
    "legal": Phrase(
        r"public domain|domaine public|gemeinfrei\w*|domin?io p[uú]b\w+|domínio público|pubblico dominio"
        r"|publiek domein|public-domain|domen\w* publiczn\w*"
        r"|copyright (?:laws?|protected|status|free|clear\w+|research)|copyrighted|licen[cs]es?\b"
        r"|trademark|royalt\w+|redistribut\w+|no cost|warrant(?:y|ies)|liability|disclaim\w+|refund"
        r"|(?:commercial|sales) (?:use|purposes?)|used (?:commercially|in any)|personal use"
        r"|permi(?:ssion|tted)|with the permission|freely (?:available|distribut)\w*|usage personnel"
        r"|small print|legal\b",
        ("in the public domain", "gemeinfrei", "Copyright laws are changing", "no cost"),
        ("Copyright, 1918, by Boni",),
    ),
    "money": Phrase(
        r"donations?|newsletters?|mailing list|subscribe\w*|tax[- ]deductible|fund-?rais\w*|501\(c\)"
        r"|spenden|donativos|donazioni|membership|contributions? (?:are|to)|fundraising",
        ("We need your donations", "subscribe to our newsletter"),
        ("contributed to her fall",),
    ),
    "typography": Phrase(
        r"typogra(?:ph|f)\w*|tipogr\w+|hyphen\w*|italic\w*|underscor\w*|misprints?|punctuation|spellings?"
        r"|mis-?spell\w*|printer['’]?s?['’]? errors?|printing errors?|small ?caps?\b|small capitals"
        r"|boldfaced?|bold\b|accents\b|accented|diacritic\w*|ligatures?"
        r"|footnotes? (?:have|has|were|was|are)|page numbers?|inconsisten\w+|as printed|orthogra\w+"
        r"|ponctuation|italiques?|erreurs (?:manifestes|d['’]impr|typo)\w*|coquilles|rechtschreib\w*"
        r"|druckfehler\w*|schreibweise\w*|schreibung|interpunktion\w*|zeichensetzung|kursiv\w*|gesperrt\w*"
        r"|fett(?:druck|gedruckt)\w*|antiqua|fraktur|ortogra\w+|puntuación|pontuação|imprenta"
        r"|cursiv\w*|itálico\w*|versalitas|punteggiatura|refus[oi]\b|corsiv[oi]"
        r"|errori (?:di stampa|tipo)\w*|zetfouten|drukfouten|cursief|leestekens|stavning\w*|tryckfel\w*"
        r"|skiljetecken|trykfejl\w*|stavemåde\w*|oikeinkirjoitu\w*|painovirhe\w*|pisowni\w*|interpunkcj\w*"
        r"|błęd\w+ druk\w+|kursyw\w*|helyesír\w*|nyomdahib\w*|preserar\w*|moderni[sz]\w+|brackets?\b"
        r"|asterisks?|special characters?|line breaks|illustrations? (?:have|has|were|are)",
        ("Hyphenation was made alike.", "_italics_", "Druckfehler", "erreurs manifestes", "zetfouten"),
        ("Italy", "the spell"),
    ),
    "done": Phrase(
        r"(?:have|has|had|were|was|are|is) (?:\w+ )?(?:been )?(?:\w+ly )?(?:correct|retain|chang|mov"
        r"|replac|preserv|add|remov|kept|left|moderni|standardi|regulari|mark|render|indicat|convert"
        r"|produc|prepar|includ|omit|renumber|maintain|fix|amend|normali|harmoni|surround|represent|shown"
        r"|updat|revis|creat|compil)\w*|(?:a|ont) (?:pas )?été \w+"
        r"|(?:wurden?|worden|sind) (?:\w+ )?(?:korrigiert|übernommen|beibehalten|berichtigt|geändert"
        r"|ergänzt|angepasst|gekennzeichnet|verbessert|dargestellt)|korrigiert|beibehalten"
        r"|(?:ha|han|foi|foram) (?:sido )?(?:correg|conserv|manten|mantid|moderniz|corrig)\w+"
        r"|(?:è|sono) stat[aeio]\b|(?:is|zijn) (?:verbeterd|behouden|gecorrigeerd|aangepast)"
        r"|(?:har|er) (?:rättats|behållits|rettet|bevar\w+|bibehållits)"
        r"|(?:on|ovat) (?:korjattu|säilytetty)|zostały \w+|poprawion\w+|zachowan\w+|hinayaang",
        ("have been silently corrected", "has been preserved", "ont été corrigées", "wurden korrigiert"),
        ("She has been ill.",),
    ),
    "changed": Phrase(
        r"(?:changed|corrected|amended|altered) (?:to|from)|replaced (?:by|with)|remplacé\w* par|ersetzt"
        r"|geändert|sustituid\w+ por|corrigid\w+ para|corretto in|now reads?|should (?:be|read)",
        ("lamb changed to lamp", "«a» remplacé par «b»"),
    ),
    "address": Phrase(
        r"[\w.+-]+@[\w-]+\.\w+|https?:|www\.|ftp[:.]|[\w-]+\.(?:org|net|com|edu|gov)\b|compuserve|aol\b",
        ("ann@example.org", "http://example.org", "see www.example.org"),
        ("at home",),
    ),
    "number": Phrase(
        r"in our series|e-?(?:text|book)\s*(?:no\. ?|number |#) ?\d+|should be named|\d+\.(?:txt|zip)\b"
        r"|\w+\d\d?\.(?:txt|zip)\b",
        ("#1 in our series by", "This file should be named lamp10.txt"),
    ),
    "field": Phrase(
        r"^[ \t]*(?:title|author|translator|editor|illustrator|contributor|language|release date"
        r"|posting date|last updated|most recently updated|credits|edition|original publication"
        r"|(?:character set )?encoding|date first posted|titel|autor\w*|auteur|titre|sprache|langue"
        r"|título|idioma|titolo|autore|lingua|taal|språk|date de publication)[ \t]*:",
        ("Title: The Lamp", "Language: English", "Sprache: Deutsch"),
        ("She asked for the title: it was lost.",),
    ),
    "version": Phrase(
        r"(?:version|edition|release|editie|édition|ausgabe|wydanie)\b"
        r"|original (?:text|edition|book|printed|spelling|page|publication)\w*|l['’]original"
        r"|originaltext\w*|testo originale|texto original|prepared|produced|converted|formats?\b|entered"
        r"|typed|keyed|available|posted|copy-?text",
        ("the original text", "prepared by", "in two formats"),
    ),
    "story": Phrase(
        r"(?:he|she|they|him|her|thou|thee) (?:said|was|were|had|would|could|came|went|looked)"
        r"|(?:said|cried|replied|answered|asked) (?:he|she|i|the|mr|mrs)"
        r"|i (?:read|saw|went|was|had|heard|remember)\b|my (?:dear|lord|lady|mother|father|friend)|thou\b|thy\b",
        ("he was late", "said she", "my dear"),
    ),
}

# Searched at the start of a paragraph only, after any asterisks, bars and brackets.
OPENINGS = {
    "credit": Phrase(
        r"(?:(?:this|the) )?(?:original )?(?:updated )?(?:(?:project gutenberg(?:['’]s)? )?(?:e-?text"
        r"|e-?book|file|text|edition|electronic \w+) )?(?:(?:was|is|has been) )?(?:first |originally "
        r"|kindly )?(?:produced|prepared|created|transcribed|scanned|digiti[sz]ed|typed|keyed|proofread"
        r"|proofed|reformatted|entered|converted|contributed|submitted|compiled|presented"
        r"|made available) (?:and [\w-]+ )?(?:in \w+ )?(?:by|from|anonymously|for)\b|credits:"
        r"|an anonymous volunteer|this e-?text is in \w+|html (?:version|file) by"
        r"|text[eo]? (?:préparé|établi|produit|numérisé|digitalizado)|transcrit par|numérisé par"
        r"|(?:digitalizado|produzido|preparado|escaneado) por"
        r"|(?:erstellt|bearbeitet|gescannt|digitalisiert) von|(?:prodotto|trascritto|preparato) da"
        r"|(?:opracowan|przygotowan)\w+|(?:nous )?remerci\w+|wir danken|agradec\w+|ringrazi\w+"
        r"|thanks to|many thanks|special thanks",
        (
            "Produced by Ann Other and Bo Nother",
            "E-text prepared by Ann Other",
            "This etext was produced by Ann Other.",
            "Transcribed from the 1916 Quill & Sons edition by Ann Other, email ann@example.org",
            "Etext reformatted by Ann Other",
            "Scanned and proofed by Ann Other",
            "Credits: Ann Other",
            "An Anonymous Volunteer, and Ann Other",
            "HTML version by Bo Nother.",
        ),
        ("She produced a lamp.", "The play was a success."),
    ),
    "note": Phrase(
        r"(?:[\w'’-]+ ){0,4}?(?:(?:end)?notes?|notas?|note|comments?|remarks?|errat(?:a|um)|errors"
        r"|corrections?|anmerkung(?:en)?|bemerkung(?:en)?|hinweise?|notiz(?:en)?|remarques?|avertissement"
        r"|observaciones|advertencia|opmerking(?:en)?|noot|noten|aantekening(?:en)?|(?:anmärkning"
        r"|anteckning|notering|kommentar|bemærkning|bemerkning|merknad|not)(?:ar|er|en)?|uwag[ai]"
        r"|notatk[ai]|przypis\w*|rimarkoj?|notoj?|paliwanag|talâ|paalala|poznámk\w+|megjegyzés\w*"
        r"|huomautu\w+|liste (?:des|der)|im folgenden werden|changes|au lecteur|al lector|ao leitor|al lettore"
        r"|aan de lezer"
        r"|an den leser|to the reader)\b",
        ("Transcriber's Notes", "NOTA DEL TRANSCRIPTOR", "Anmerkungen zur Transkription", "Liste des modifications"),
    ),
    "preface": Phrase(
        r"(?:[\w'’-]+ ){0,2}?(?:preface|introduction|foreword|vorwort|préface|prefacio|prefazione|about)\b",
        ("Preface to the Project Gutenberg Etext", "Introduction to the eBook"),
    ),
    "ending": Phrase(
        r"(?:end|ende|fine?|fim|einde|slut|slutt|koniec|loppu)\b(?: (?:of|de[lrs]?|du|do|da|von|van|på|av"
        r"|af|the|this|dieses?|ce|di))*(?:\s+\w+)?\s+(?:pro[jgyc]\w{2,6}\s+gutenberg|e-?te?xt|e-?book)",
        ("End of\nProject Gutenberg's Etext of", "Ende dieses Projekt Gutenberg Etextes", "Fin de Project Gutenberg"),
        ("The end of the project", "In the end of this etext she believed."),
    ),
    "by": Phrase(r"by\b|von\b|par\b|por\b|di\b|door\b|av\b|af\b", ("by Ada Quill",)),
}

# A line of a list of corrections. A paragraph with two such lines has the sign "corrections".
CORRECTION = Phrase(
    r"^[ \t*|-]*(?:p(?:age|ág|ag|g)?(?:ina)?|s(?:eite|ida?|ivu|ide|tr)?|blz|blad\w*|l(?:ine)?"
    r"|vers[eo]?|chapter|ch|kap\w*|capítulo|ligne|zeile)?[. ]*\d[^\n]*(?::|=|->|→|“|\"|«|—|_sic_"
    r"|\bfor\b|\bread\b|chang|correct|\bpar\b|durch|statt|\bpor\b)",
    ("page 3: lamb", 'p. 12 "lamb" changed to "lamp"', "seite 4: lamm durch lampe"),
    ("3 lamps",),
)
