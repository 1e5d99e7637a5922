"""What distinguishes languages in writing: their letters beyond ASCII, and words or characters that every page has.

Letters come from the alphabets and the accents of borrowed words. Words are conjunctions, prepositions, articles and
forms of "to be": some fifteen of them make up a tenth to a third of any running text.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    """How to recognize a language.

    Attributes:
        letters: its small letters beyond ASCII.
        frequent: frequent words in small letters; of languages without spaces, frequent characters.
        western: whether its letters are in cp1252. Books of these languages borrow words from each other.
        is_latin: whether its words also have letters of ASCII.
        spaced: whether it puts spaces between words.
        absent: letters of ASCII that none of its words has.
    """

    letters: frozenset[str]
    frequent: frozenset[str]
    western: bool = False
    is_latin: bool = True
    spaced: bool = True
    absent: frozenset[str] = frozenset()


# A language and its letters, those of ASCII that it lacks, and below them its words.
_WESTERN = """
English éèêëïöôæœ
    the of and to in a that is was he it for his with as had you not on at by her i from be
French àâæçéèêëîïôœùûüÿ
    de la le et les des à en un il que une qui du dans ne au se pas est plus pour elle sur ce avait était où là
German äöüßéàê
    der die und das in zu den er sie nicht ich es ein ist mit sich war auf dem von so eine wie als aber für über
Spanish áéíóúüñ
    de la que el en y a los se no un las con por su una del lo al es como más pero le había ya él sí qué á ó é
Portuguese áâãàçéêíóôõúüèìòù
    de a o que e do da em um para com não uma os no se na por mais as dos como mas ao à era foi é está às á ó
Italian àèéìíîòóùú
    di e che la il un a non è per in una si con le più mi lo ma come era da del al i gli ed della così perché ò
Catalan àçèéíïòóúü
    de la i que el a en no un les per amb els una del se és al més com va però també què é ó
Dutch éèëêïöüáóíûâîô
    de het een van en in is dat niet ik te hij die was met op zijn zij er aan voor maar als om ook één
Swedish åäöéàüá
    och i att det en som han på är av för med var den till hon sig inte jag ett så men när då från å ö
Danish æøåéèêóòâôäöü
    og i det at en den til er som på de med han af for ikke der var et hun jeg sig så men når på også å ø
Finnish äöåéšž
    ja on ei se että hän oli kun niin mutta joka ole minä sen nyt vaan kuin mitä sitä hänen
Icelandic áéíóúýðþæö
    og að í á er sem var það hann til ekki með en við um hún af fyrir ég þá svo því hafði eða
Tagalog áàâéèêíìîóòôúùûñ
    ang ng sa na at mga ay ni si kung hindi niya ko ito siya nang may isang
"""
_OTHER_LATIN = """
Polish ąćęłńóśźżé qvx
    i w nie na się z do że to jak o a po co tak za od jest był jego już przez ale była gdy tylko są także
Czech áčďéěíňóřšťúůýž qwx
    a se na v je že to s z do o k i jsem ale by si za jak byl už tak jako co který když jeho byla v po jen při
Slovak áäčďéíĺľňóôŕšťúýž qwx
    a sa na v je že to s z do o k i som ale by si za ako bol už tak čo ktorý keď jeho bola po len pri
Hungarian áéíóöőúüű qwx
    a az és hogy nem is egy volt de ez meg csak mint el azt már ki ha még vagy mert minden itt után ő én úgy át
Romanian âîăşţșț qwy
    de și şi în a la cu nu o pe din care că se un mai ce să o pentru el era după sau al fi lui am când
Croatian čćđšž qwxy
    i je u se na da su za ne od a s što kao to ali bio bi ja iz po nije o sam kad već bila još smo
Turkish çğıöşüâîû qwx
    bir ve bu de da ne o için çok ben mi gibi daha ki sonra kadar her diye var olan olarak değil en ile
Estonian äõöüšž cqwxy
    ja on ei et see ta oli ka kui ma aga siis nii mis oma ning või olid tema kes mille
Latvian āčēģīķļņšūž qwxy
    un ir ka no uz ar bija tas kas par viņš lai bet kā es pie jau nav tad arī vai
Lithuanian ąčęėįšųūž qwx
    ir į kad tai su buvo iš ne jis o kaip bet nuo už yra per savo jau ant jo prie dar tik apie
Esperanto ĉĝĥĵŝŭ qwxy
    la de kaj en al ne mi ke li estas kiu por sed ĝi oni pri el kun tio ĉi ŝi ĉiu
"""
_CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
_GREEK = "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ"
_HEBREW = "".join(map(chr, range(0x5D0, 0x5EB)))
_ARABIC = "".join(map(chr, (*range(0x621, 0x63B), *range(0x641, 0x653)))) + "پچژگکیہے"
_OTHER_ALPHABETS = {
    "Russian": (
        _CYRILLIC + "ёѣіѳѵ",
        "и в не на что он с я как а то это по но его к все так из у же за она было от бы мы вы о въ съ онъ къ был",
    ),
    "Ukrainian": (
        _CYRILLIC + "єіїґ",
        "і в не на що та з як у а до це за він так але від є я вона було його по ще й про її",
    ),
    "Bulgarian": (_CYRILLIC, "и на да се не в за от е с че си по като го ще това но беше той или до към са ли той му"),
    "Serbian": (_CYRILLIC + "ђјљњћџ", "и у је да се на не за од са што као то али би из по су он кад ће јер му"),
    "Greek": (
        _GREEK,
        "και το να του η ο της με που την τον από για στο τα δεν θα οι τη ότι μου σε ένα των είναι στην στη κι ήταν",
    ),
    "Hebrew": (_HEBREW, "של את על לא הוא היא זה כי אל עם הם גם אני מה כל אם כמו אבל היה רק או אך"),
    "Arabic": (_ARABIC, "في من على أن إلى ما لا عن مع هذا كان التي الذي هذه ثم أو قد بعد كل لم هو هي وكان إن"),
    "Persian": (_ARABIC, "و در به از که این را با است آن برای یک تا بر بود خود شد هر هم او ما"),
}
_UNSPACED = {
    "Japanese": "のにはをたがでてとしれさいなるもこかっりすらまよう、。",
    "Chinese": "的一是不了在人有我他这中大来上国个到说们为子和你地出道也时年這來國個說們為時們會後着著裡里，。",
    "Korean": "이다는에가을의고하지은로서도를기사나리한그아어있시자",
}


def _table(text: str, *, western: bool = False) -> dict[str, Language]:
    """Returns the languages of a table."""
    lines, found = text.strip().split("\n"), {}
    for line, words in zip(lines[::2], lines[1::2], strict=True):
        name, letters, *absent = line.split()
        found[name] = Language(
            frozenset(letters), frozenset(words.split()), western=western, absent=frozenset("".join(absent))
        )
    return found


LANGUAGES = {
    **_table(_WESTERN, western=True),
    **_table(_OTHER_LATIN),
    **{
        name: Language(frozenset(letters), frozenset(words.split()), is_latin=False)
        for name, (letters, words) in _OTHER_ALPHABETS.items()
    },
    **{name: Language(frozenset(), frozenset(characters), spaced=False) for name, characters in _UNSPACED.items()},
}

# Words that English books borrow from French and Spanish.
_BORROWED = """
très café naïve fiancé fiancée château façade rôle señor señora née fête élite début première crème mêlée dépôt régime
soirée matinée protégé protégée résumé éclair cliché blasé à là noël brontë père mère frère bibliothèque
"""
BORROWED = frozenset(_BORROWED.split())
