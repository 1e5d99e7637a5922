"""Encodings: found, or refused with the flag to give, and never wrong."""

import pytest

from pipelines import UserError
from pipelines.decoding import Decoded, decode

# The same scene in many languages, with the punctuation of each.
SCENES = {
    "English": (
        "The café on the corner was quiet that morning. “You’re late,” said Zoë, who had read his résumé "
        "twice. It cost £5, or about €6 — not naïve at all. They walked along the façade of the old hotel, "
        "and nobody spoke for a while. In the evening there was a soirée."
    ),
    "French": (
        "Le garçon était arrivé très tôt à l’école ; il avait déjà mangé, et sa mère lui avait préparé un "
        "gâteau. « Où vas-tu ? » demanda-t-elle. Il répondit qu’il préférait rester là, près de la fenêtre, "
        "où le soleil brûlait les pierres. Les élèves, fatigués, rêvaient de forêts et de rivières."
    ),
    "German": (
        "Die Straße führte über den Fluß, und die Mädchen gingen früh nach Hause. Es war schön, aber kühl; "
        "die Bäume trugen keine Blätter. „Können Sie mir sagen, wie spät es ist?“ fragte der Bäcker. Später "
        "hörte man die Glocken läuten, und überall wurden die Türen geschlossen. Äpfel und Öl lagen auf dem "
        "Tisch."
    ),
    "Spanish": (
        "El niño corrió detrás del pájaro y cayó en el jardín. ¿Quién está ahí? — preguntó la señora. ¡Qué "
        "lástima! Mañana iremos al mercado, donde se venden melocotones, limones y también pequeñas flores. "
        "El corazón le latía con fuerza; jamás había visto un árbol así. Según él, todo había sucedido por "
        "razón de los años."
    ),
    "Portuguese": (
        "A manhã não começou bem: o coração da mãe estava cheio de preocupação. «Você já comeu?», perguntou "
        "o avô. As crianças brincavam no pátio, à sombra das árvores, e ninguém falava da situação. Então, "
        "às três horas, chegou a notícia de que o irmão estava são e salvo. Não há razão para lágrimas."
    ),
    "Italian": (
        "La città era già sveglia, perché il sole brillava sulle colline. «Perché non è venuto?» chiese la "
        "nonna. Più tardi andò al caffè, dove si può leggere il giornale con tranquillità. Così passò la "
        "mattina; poi cominciò a piovere. Nessuno sapeva che cosa sarebbe successo, né lunedì né martedì."
    ),
    "Swedish": (
        "Pojken gick över bron till ön där hans mormor bodde. Det var en kall höst, och löven låg på marken. "
        "”Varför är du så sen?” frågade hon. Han svarade att tåget hade stått stilla länge. På kvällen åt de "
        "ärtsoppa och pratade om gamla tider, när skogen ännu var full av björnar."
    ),
    "Polish": (
        "Chłopiec poszedł do lasu, żeby znaleźć grzyby. Była piękna jesień, a liście spadały z drzew. „Gdzie "
        "jesteś?” — zapytała matka, która stała przed domem. Odpowiedział, że już wraca. Wieczorem wszyscy "
        "usiedli przy stole i opowiadali sobie dziwne historie o wężach, niedźwiedziach i źródłach głęboko w "
        "górach. Święta były już blisko."
    ),
    "Czech": (
        "Příliš žluťoučký kůň běžel přes most a nikdo nevěděl, kam míří. Babička seděla u okna a četla "
        "knihu, kterou jí přinesl soused. „Kde jsi byl?“ zeptala se. Odpověděl, že v městě, kde koupil "
        "chléb, sýr a víno. Večer přišla bouřka; děti se bály a schovaly se pod peřinu. Ráno svítilo slunce."
    ),
    "Hungarian": (
        "A fiú korán reggel elindult az erdőbe, hogy gombát keressen. Gyönyörű ősz volt, a levelek lassan "
        "hullottak a fákról. „Hol vagy?” — kérdezte az édesanyja, aki a ház előtt állt. Azt felelte, hogy "
        "rögtön visszajön. Este mindnyájan leültek az asztalhoz, és különös történeteket meséltek egymásnak "
        "a hegyekről és a tűzről. Később elaludtak."
    ),
    "Greek": (
        "Το αγόρι πήγε νωρίς το πρωί στο δάσος για να βρει μανιτάρια. Ήταν ένα όμορφο φθινόπωρο και τα φύλλα "
        "έπεφταν σιγά σιγά. «Πού είσαι;» ρώτησε η μητέρα του, που στεκόταν μπροστά στο σπίτι. Απάντησε ότι "
        "γυρίζει αμέσως. Το βράδυ κάθισαν όλοι στο τραπέζι και διηγήθηκαν παράξενες ιστορίες για τα βουνά "
        "και τη θάλασσα."
    ),
    "Russian": (
        "Мальчик рано утром пошёл в лес искать грибы. Была прекрасная осень, и листья медленно падали с "
        "деревьев. «Где ты?» — спросила мать, стоявшая перед домом. Он ответил, что сейчас вернётся. Вечером "
        "все сели за стол и рассказывали друг другу странные истории о горах и о глубоких озёрах. Потом "
        "наступила ночь."
    ),
    "Ukrainian": (
        "Хлопець рано вранці пішов до лісу шукати гриби. Була прекрасна осінь, і листя повільно падало з "
        "дерев. «Де ти?» — запитала мати, яка стояла перед хатою. Він відповів, що зараз повернеться. "
        "Увечері всі сіли за стіл і розповідали одне одному дивні історії про гори та глибокі озера. Її очі "
        "були сині."
    ),
    "Turkish": (
        "Çocuk sabah erkenden mantar aramak için ormana gitti. Güzel bir sonbahardı ve yapraklar ağaçlardan "
        "yavaşça düşüyordu. “Neredesin?” diye sordu evin önünde duran annesi. Hemen döneceğini söyledi. "
        "Akşam herkes sofraya oturdu ve birbirlerine dağlar, göller ve eski günler hakkında garip hikâyeler "
        "anlattılar. Işıklar söndü, İstanbul uyudu."
    ),
    "Japanese": (
        "少年は朝早く森へきのこを探しに行った。美しい秋で、木の葉がゆっくりと落ちていた。「どこにいるの」と家"
        "の前に立っていた母がたずねた。すぐ帰ると彼は答えた。夜になると、みんなは食卓につき、山や深い湖につい"
        "ての不思議な話を語り合った。やがて雨が降り始め、子供たちはふとんにもぐって眠った。"
    ),
    "Chinese": (
        "男孩一大早就到森林里去找蘑菇。那是一个美丽的秋天，树叶慢慢地落下来。“你在哪里？”站在屋前的母亲问道。"
        "他回答说马上就回来。晚上大家围坐在桌旁，互相讲述关于高山和深湖的奇怪故事。后来下起了雨，孩子们躲进被"
        "子里睡着了。第二天早上太阳出来了，一切都很安静。"
    ),
    "traditional Chinese": (
        "男孩一大早就到森林裡去找蘑菇。那是一個美麗的秋天，樹葉慢慢地落下來。「你在哪裡？」站在屋前的母親問道"
        "。他回答說馬上就回來。晚上大家圍坐在桌旁，互相講述關於高山和深湖的奇怪故事。後來下起了雨，孩子們躲進"
        "被子裡睡著了。第二天早上太陽出來了，一切都很安靜。"
    ),
    "Korean": (
        "소년은 아침 일찍 버섯을 찾으러 숲으로 갔다. 아름다운 가을이었고 나뭇잎이 천천히 떨어지고 있었다. "
        "“어디 있니?” 집 앞에 서 있던 어머니가 물었다. 곧 돌아가겠다고 그는 대답했다. 저녁에 모두 식탁에 "
        "앉아 산과 깊은 호수에 관한 이상한 이야기를 서로 들려주었다. 그 뒤에 비가 내렸다."
    ),
    "Hebrew": (
        'הילד הלך מוקדם בבוקר ליער לחפש פטריות. היה סתיו יפה, והעלים נשרו לאט מן העצים. "איפה אתה?" שאלה '
        "אמו, שעמדה לפני הבית. הוא ענה שהוא חוזר מיד. בערב ישבו כולם ליד השולחן וסיפרו זה לזה סיפורים מוזרים "
        "על הרים ועל אגמים עמוקים."
    ),
    "Arabic": (
        "ذهب الصبي في الصباح الباكر إلى الغابة ليبحث عن الفطر. كان الخريف جميلا، وكانت الأوراق تسقط ببطء من "
        "الأشجار. «أين أنت؟» سألت أمه التي كانت تقف أمام البيت. أجاب أنه سيعود حالا. وفي المساء جلس الجميع "
        "حول المائدة وحكوا قصصا غريبة عن الجبال والبحيرات العميقة."
    ),
}
RIGHT = {
    "English": ("cp1252", "cp1250", "cp1254", "mac_roman", "cp850", "cp437"),
    "French": ("cp1252", "iso8859-1", "iso8859-15", "mac_roman", "cp850"),
    "German": ("cp1252", "iso8859-1", "iso8859-2", "mac_roman", "cp850", "cp437"),
    "Spanish": ("cp1252", "iso8859-1", "mac_roman", "cp850"),
    "Portuguese": ("cp1252", "iso8859-1", "mac_roman", "cp850"),
    "Italian": ("cp1252", "iso8859-1", "mac_roman"),
    "Swedish": ("cp1252", "iso8859-1", "mac_roman", "cp850"),
    "Polish": ("cp1250", "iso8859-2", "iso8859-16", "cp852", "cp1257", "mac_latin2"),
    "Czech": ("cp1250", "iso8859-2", "cp852", "mac_latin2"),
    "Hungarian": ("cp1250", "iso8859-2", "cp852"),
    "Greek": ("cp1253", "iso8859-7", "cp737", "mac_greek"),
    "Russian": ("cp1251", "koi8-r", "iso8859-5", "cp866", "mac_cyrillic", "euc_jp", "gb18030", "cp932"),
    "Ukrainian": ("cp1251", "koi8-u", "iso8859-5", "mac_cyrillic"),
    "Turkish": ("cp1254", "iso8859-9", "cp857"),
    "Japanese": ("shift_jis", "cp932", "euc_jp", "iso2022_jp", "gb18030"),
    "Chinese": ("gbk", "gb18030", "hz"),
    "traditional Chinese": ("big5", "cp950", "gb18030"),
    "Korean": ("euc_kr", "cp949", "johab", "iso2022_kr"),
    "Hebrew": ("cp1255", "iso8859-8", "cp862"),
    "Arabic": ("cp1256", "iso8859-6"),
}
ENCODINGS = sorted({encoding for encodings in RIGHT.values() for encoding in encodings})
OTHERS = ["cp037", "cp500", "cp855", "cp1258", "utf-7", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
PLAIN = str.maketrans("“”‘’„‚—–«»", '""\'\'"\'--""', "")


def encoded(language: str, encoding: str) -> tuple[bytes, str] | None:
    """Returns a scene in an encoding, without the punctuation that it lacks; None if it lacks letters."""
    for text in (SCENES[language], SCENES[language].translate(PLAIN).replace("€", "E").replace("£", "L")):
        try:
            return text.encode(encoding), text
        except UnicodeEncodeError:
            continue
    return None


def text_or_refusal(data: bytes) -> tuple[str, str]:
    """Returns the text, or else "" and why it is refused."""
    try:
        return decode(data).text, ""
    except UserError as error:
        return "", str(error)


@pytest.mark.parametrize("language", SCENES)
def test_a_text_is_read_right_or_refused_and_never_wrong(language):
    for encoding in (*ENCODINGS, *OTHERS):
        if made := encoded(language, encoding):
            found, refused = text_or_refusal(made[0])
            assert found == made[1] or "--text_encoding=" in refused, (encoding, found)
            assert not (refused and encoding in RIGHT[language]), refused


@pytest.mark.parametrize("language", SCENES)
def test_sentences_too_short_to_tell_are_refused_and_never_wrong(language):
    sentences = [sentence + "." for sentence in SCENES[language].split(". ") if len(sentence) > 40]
    for encoding in RIGHT[language]:
        for sentence in sentences:
            try:
                data = sentence.encode(encoding)
            except UnicodeEncodeError:
                continue
            found, refused = text_or_refusal(data)
            assert found == sentence or "--text_encoding=" in refused, (encoding, found)


ENGLISH = ("It was the best of times, and he was in the city with her; nobody had seen it.\n" * 99).encode()
FRENCH = "Où était l'élève ? À l'école, déjà, près du théâtre.\n" * 20
RUSSIAN = "Сколько страниц в книге? Я прочёл её всю в феврале.\n" * 20
CHINESE = "呻吟，病聲也。呻吟語，病時語也。病中疾痛，惟病者知。\n" * 20
HEADER = "The Project Gutenberg eBook of X\n\nTitle: X\n\nCharacter set encoding: {}\n\n"
START = "*** START OF THIS PROJECT GUTENBERG EBOOK X ***\n"


@pytest.mark.parametrize(
    ("data", "text", "encoding"),
    [
        (b"plain", "plain", "ascii"),
        (b"", "", "ascii"),
        (b"1 + 2 = 3; C++ is x+y", "1 + 2 = 3; C++ is x+y", "ascii"),
        *((FRENCH.encode(encoding), FRENCH, encoding) for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32")),
        (CHINESE.encode("gb18030"), CHINESE, "gb18030"),
        (ENGLISH + "café, très\n".encode("cp1252"), ENGLISH.decode() + "café, très\n", "cp1252"),
        (ENGLISH + "1½ cups, £5, 20°\n".encode("cp1252"), ENGLISH.decode() + "1½ cups, £5, 20°\n", "cp1252"),
        (ENGLISH + "“I’m” — ‘you’\n".encode("cp1252"), ENGLISH.decode() + "“I’m” — ‘you’\n", "cp1252"),
        (ENGLISH + "“I’m” — ‘you’\n".encode("mac_roman"), ENGLISH.decode() + "“I’m” — ‘you’\n", "mac_roman"),
    ],
)
def test_encoding_is_found(data, text, encoding):
    assert decode(data) == Decoded(text, encoding)


@pytest.mark.parametrize(
    ("declared", "text", "actual", "found"),
    [
        ("ISO-8859-1", FRENCH, "latin-1", "iso8859-1"),
        ("ISO Latin-1", FRENCH, "latin-1", "iso8859-1"),
        ("CP-1251", RUSSIAN, "cp1251", "cp1251"),
        ("ISO-8859-1", RUSSIAN, "cp1251", "cp1251"),
        ("CP-1251", FRENCH, "latin-1", "cp1252"),
        ("ISO-8859-1", FRENCH + "\N{LEFT DOUBLE QUOTATION MARK}" * 99, "cp1252", "cp1252"),
        ("UTF-8", FRENCH, "latin-1", "cp1252"),
        ("ISO-8859-1", FRENCH, "utf-8", "utf-8"),
        ("ASCII", FRENCH, "latin-1", "cp1252"),
        ("no such thing", FRENCH, "latin-1", "cp1252"),
    ],
)
def test_declared_encoding_is_used_unless_the_bytes_contradict_it(declared, text, actual, found):
    whole = HEADER.format(declared) + START + text
    assert decode(whole.encode(actual)) == Decoded(whole, found)


def test_declaration_inside_the_book_is_ignored():
    data = ("Title: X\n" + START + "Character set encoding: ISO-8859-2\n" + FRENCH).encode("latin-1")
    assert decode(data).encoding == "cp1252"
    assert decode(data.replace(START.encode(), b"")).encoding == "iso8859-2"


def test_given_encoding_is_used():
    assert decode("für".encode("latin-1"), encoding="latin-1") == Decoded("für", "iso8859-1")
    assert decode("für".encode("utf-8-sig"), encoding="utf-8") == Decoded("für", "utf-8")


def test_given_encoding_replaces_and_counts_bytes_that_it_lacks():
    data = ("😀 LOL\n" * 300).encode() + b"\xf0\x9f\n"
    assert decode(data, encoding="utf-8") == Decoded("😀 LOL\n" * 300 + "\ufffd\n", "utf-8", replaced=1)
    assert decode(ENGLISH + b"\x81", encoding="cp1252").replaced == 1


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "cp1253", "koi8-r"])
def test_an_expected_encoding_is_used_if_it_reads_as_writing(encoding):
    text = (SCENES["Greek"] if encoding == "cp1253" else RUSSIAN) + "\n"
    assert decode(text.encode(encoding), expected=encoding) == Decoded(text, encoding)
    assert decode(text.encode(), expected=encoding) == Decoded(text, "utf-8")


def test_an_expected_encoding_decides_between_others_that_fit():
    assert decode("très".encode("cp1252"), expected="cp1252").text == "très"
    assert decode("très".encode("cp1252"), expected="cp1250").text == "trčs"


def test_damaged_utf8_is_read_again_where_it_is_expected():
    data = FRENCH.encode() + b"\xc3"
    assert decode(data, expected="utf-8") == Decoded(FRENCH + "\ufffd", "utf-8", replaced=1)


MIXED = "L'été est là et il est très beau.\n"


@pytest.mark.parametrize(
    ("data", "encoding", "said"),
    [
        # No encoding is guessed from a stray byte, be the file ASCII or UTF-8.
        (ENGLISH + b"\n\x81\n", None, r"line 101, byte 7822 \(0x81\).*--text_encoding="),
        (ENGLISH + b"\n\x81 12\n", None, r"line 101, byte 7822 \(0x81\).*--text_encoding="),
        (("😀 LOL\n" * 300).encode() + b"\xf0\x9f\n", None, r"line 301, byte 2700 \(0xf0\).*=utf-8"),
        (FRENCH.encode()[:-20] + b"\xc3", None, r"byte \d+ \(0xc3\) is not UTF-8, although.*--text_encoding=utf-8"),
        (b"\xef\xbb\xbfx\n" + "é\n".encode() * 9 + b"\xff", None, r"line 11, byte 32 \(0xff\).*=utf-8"),
        # Two encodings in one file
        ((MIXED * 9).encode() + (MIXED * 9).encode("cp1252"), None, r"line 10, byte 3\d\d \(0xe9\).*=utf-8"),
        (MIXED.encode() + (MIXED * 99).encode("cp1252"), None, r"line 2, byte 4\d \(0xe9\).*convert it to one"),
        (
            ENGLISH + "café\n".encode("cp1252") * 40 + "café\n".encode(),
            None,
            r"line 100, .*\(0xe9\).*convert it to one",
        ),
        ((MIXED * 99).encode() + "été".encode("cp1252"), None, r"line 100, byte \d+ \(0xe9\).*=utf-8"),
        # NUL
        (b"ab\0cd", None, r"lamp\.txt: line 1, byte 2 \(0x00\) is NUL.*=utf-8"),
        (ENGLISH + b"\0" + ENGLISH, None, r"line 100, byte 7821 \(0x00\) is NUL.*=utf-8"),
        (ENGLISH.decode().encode("utf-16-le"), None, r"looks like utf-16-le .*=utf-16-le"),
        (ENGLISH.decode().encode("utf-16-be"), None, r"looks like utf-16-be .*=utf-16-be"),
        (RUSSIAN.encode("utf-16-be"), None, r"looks like utf-16-be .*=utf-16-be"),
        (RUSSIAN.encode("utf-32-le"), None, r"looks like utf-32-le .*=utf-32-le"),
        # Several fit
        (ENGLISH + "Dvořák\n".encode("cp1250"), None, r"=cp1250 \(Dvořák\) or"),
        ("très".encode("cp1252"), None, r"=cp1252 \(très\) or --text_encoding=cp1250 \(trčs\)"),
        (b"Hi +AOk-, +AOg-", None, r"byte 3 \(0x2b\).*UTF-7.*=utf-7"),
        (b"\x1b$B\x7f", None, r"byte 0 \(0x1b\).*=iso2022_jp"),
        # None fits
        (bytes(range(128, 256)) * 9, None, r"lamp\.txt: line 1, byte 0 \(0x80\).*--text_encoding="),
        ("für".encode("latin-1"), "utf-8", r"lamp\.txt: line 1, byte 1 \(0xfc\) is not utf-8.*--text_encoding="),
        (b"x", "utf-99", r"--text_encoding=utf-99"),
    ],
)
def test_bytes_that_are_not_text_in_one_encoding_are_an_error_with_place_and_remedy(data, encoding, said):
    with pytest.raises(UserError, match=said) as error:
        decode(data, encoding=encoding, name="lamp.txt")
    assert "\n" not in str(error.value)


FEW = {
    ("Hungarian", "cp1250"): ("erdő", "gyűrűt őriz", "az idős nő őszi tűzben"),
    ("Hungarian", "iso8859-2"): ("felhő", "űrhajót főz", "a hős ősz levegője fű"),
    ("Turkish", "cp1254"): ("ışık", "kış yağmuru", "küçük balıkçı dağ yıldızı şehir"),
    ("Turkish", "iso8859-9"): ("ağaç", "şimdi akşam", "yıldız sığır kışın görür"),
    ("Polish", "cp1250"): ("łąka", "żółty liść", "źródło i ścieżka w śniegu są"),
    ("Czech", "iso8859-2"): ("čas", "řeka šumí", "děti říkaly příběh o žábě"),
    ("Spanish", "mac_roman"): ("niño", "pequeño sueño", "mañana el señor habló español"),
}
PLAIN_TEXTS = {
    "Hungarian": "A fiu az erdobe ment es nem jott vissza, mert egy szep haz volt ott.\n" * 1_500,
    "Turkish": "Cocuk bir gun ormana gitti ve cok sonra eve dondu, ne var ki kimse yoktu.\n" * 1_400,
    "Polish": "Chlopiec poszedl do lasu i nie wrocil na noc, bo za domem byl maly staw.\n" * 1_400,
    "Czech": "Chlapec sel do lesa a na noc se domu uz nevratil, protoze tam byl jako doma.\n" * 1_300,
    "Spanish": "El hombre fue con su hermano a la casa de los abuelos y no le vio por la noche.\n" * 1_300,
}


@pytest.mark.parametrize(("language", "encoding"), FEW)
def test_few_letters_late_in_a_long_text_are_read_right_or_refused_and_never_wrong(language, encoding):
    for plain in (PLAIN_TEXTS[language], ENGLISH.decode() * 13):
        for words in FEW[language, encoding]:
            text = f"{plain}{words}.\n"
            found, refused = text_or_refusal(text.encode(encoding))
            assert found == text or refused.count("--text_encoding=") > 1, words


def test_enough_letters_late_in_a_text_of_their_language_are_read():
    for language, encoding in (("Hungarian", "cp1250"), ("Turkish", "cp1254")):
        text = PLAIN_TEXTS[language] + SCENES[language] + "\n"
        assert decode(text.encode(encoding)) == Decoded(text, encoding)


def test_an_english_text_with_borrowed_words_is_read_and_one_with_a_czech_name_refused():
    text = ENGLISH.decode() * 13 + "The fiancée was très naïve.\n"
    assert decode(text.encode("latin-1")).text == text
    with pytest.raises(UserError, match=r"=cp1252 \(èas\) or --text_encoding=cp1250 \(čas\)"):
        decode(ENGLISH * 13 + "čas\n".encode("cp1250"))
