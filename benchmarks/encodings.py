"""Is an encoding guessed wrong where a text has few letters beyond ASCII?

    python -m benchmarks.encodings
    python -m benchmarks.encodings --languages=Hungarian,Turkish

One, two, five and twenty words of a language are put at the end of 100 kB of ASCII, which are English or the same
language without its marks, in each encoding that has their letters. The table counts how often the text is read right,
how often the decoder refuses and names the candidates, and how often it is read wrong, which must be 0.

Exit status: 0 nothing was read wrong, 1 something was.
"""

import dataclasses
import random
import unicodedata
from collections import Counter

from pipelines import UserError, command_line
from pipelines.decoding import decode
from pipelines.decoding.detection import MULTIBYTE, SINGLE_BYTE
from pipelines.decoding.languages import LANGUAGES
from pipelines.options import Options, option

COUNTS = (1, 2, 5, 20)
# Words with letters beyond ASCII, twenty or more of each language that the decoder knows.
WORDS = {
    "English": (
        "café naïve fiancée Brontë rôle façade château résumé élite début première cliché coöperate protégé née "
        "attaché soufflé décor Zoë Noël über señor"
    ),
    "French": (
        "été forêt élève école très déjà près théâtre où était garçon français cœur sœur hôtel île août noël maître "
        "leçon reçu fenêtre"
    ),
    "German": (
        "Mädchen schön für über müde Straße groß Füße Bäume möchte können Tür Vögel spät Märchen Brüder König weiß "
        "Häuser Küche süß hören"
    ),
    "Spanish": (
        "niño mañana corazón señor árbol también después años jardín música café día montaña pequeño sueño habló río "
        "canción pájaro otoño baúl vergüenza"
    ),
    "Portuguese": (
        "não coração manhã irmão também você avó avô maçã pão lições põe então chão três café água história mãe "
        "árvore órgão construção"
    ),
    "Italian": (
        "città perché più così già però università libertà verità felicità lunedì caffè virtù metà può sarà farò "
        "però giù età bontà povertà"
    ),
    "Catalan": (
        "cançó això només després català qüestió pingüí camió àvia bosc fórmula història mà pèl òliba arròs únic "
        "estació müsli raó força açò"
    ),
    "Dutch": (
        "één geïnteresseerd zeeën coördinatie ideeën reünie vóór café België poëzie ruïne drieëntwintig hé financiën "
        "oriëntatie beëindigen geëerd patiënt conciërge scène skiën knieën"
    ),
    "Swedish": (
        "år går också självklart människa början över fågel hår kött själ sjö träd älska öga åka måste båt grön väg "
        "flöjt räv"
    ),
    "Danish": (
        "også være når år sø brød pæn høre følge på grøn æble øje ånd båd køre læse smør kærlighed tårn først hånd"
    ),
    "Finnish": (
        "hän tämä äiti isä yö työ päivä pöytä kesä metsä järvi syödä minä sinä mökki käsi jälkeen vähän ääni öljy "
        "kylä tyttö"
    ),
    "Icelandic": (
        "það þetta maður góður ég þú aldrei mjög börn hús ár nótt þegar síðan jörð kýr móðir faðir veður ís fjörður "
        "þrír"
    ),
    "Tagalog": (
        "ñipa piña señorita doña señor niña peña kañón Peñafrancia Santo-Niño español piñata pañuelo paño cañao "
        "Biñan Parañaque Dasmariñas Zuñiga bañera España dueña"
    ),
    "Polish": (
        "być łąka żółty gęś ścieżka wieś dzień książka późno źródło człowiek mąż święto noc ćma różny też środa ręka "
        "śnieg pięć góra"
    ),
    "Czech": (
        "řeka čas dům kůň že píseň žena město příběh děti většina říct ještě být hračka šťastný výška žlutý těžký "
        "oči déšť úkol"
    ),
    "Slovak": (
        "čas dieťa kôň žena mäso mŕtvy vŕba päť ľudia čierny šťastie dážď stôl ťažký kráľ noc víťaz jeseň ňou hĺbka "
        "môj úloha"
    ),
    "Hungarian": (
        "erdő idő nő gyűrű könyv őszi tűz jövő felhő születés fiú lány űrhajó szép ház víz kés út ünnep levegő főzni "
        "esernyő"
    ),
    "Romanian": (
        "și în țară pădure înțelegere câine mâine apă fără după ştiinţă viață frumusețe împărat când rău pâine știe "
        "față mână ţară inimă"
    ),
    "Croatian": (
        "kuća čovjek žena mačka već đak šuma cvijeće ključ noć dječak riječ žurba česma šećer možda ljubičica ćup "
        "kiša čaj međa svijeća"
    ),
    "Turkish": (
        "çocuk ağaç gün şehir kış ışık yağmur güneş öğretmen küçük balıkçı dağ değil düşünmek sığır yıldız İstanbul "
        "akşam şimdi görmek kızıl aşk"
    ),
    "Estonian": (
        "õhtu öö käsi jõgi päev sõber külm tüdruk põld õun mõni väike õpetaja hõbe ülikool jää sügis põhi kõik "
        "tööline lõuna õnn"
    ),
    "Latvian": (
        "māja cilvēks ūdens zāle ceļš saule bērns nākt kaķis meitene šodien dzīve ļoti ķirbis ģimene vējš žurka "
        "čūska tēvs māte grāmata jūra"
    ),
    "Lithuanian": (
        "žmogus ąžuolas ėjo šuo čia žodis grįžti širdis vėjas dėl įvairus rūkas būti ežeras mėnuo šalis žuvį upė "
        "miškas vaikų sąžinė užtat"
    ),
    "Esperanto": (
        "ĉiam ĝardeno ŝtono ĵaŭdo aŭto ĉevalo ĝi preskaŭ ŝipo ankaŭ ĉambro ĥoro laŭ manĝi aĵo hodiaŭ ĉarma loĝi ŝati "
        "freŝa aĉeti paĝo"
    ),
    "Russian": (
        "мальчик утро лес осень листья мать дом вечер стол горы озеро ночь книга человек время рука дверь окно улица "
        "город вода снег"
    ),
    "Ukrainian": (
        "хлопець ранок ліс гриби осінь мати хата вечір їжа гори озеро її ніч країна щастя мій біля київ зоря вітер "
        "єдиний вікно"
    ),
    "Bulgarian": (
        "момче сутрин гора гъби есен майка къща вечер маса планина езеро нощ книга човек време ръка врата прозорец "
        "улица град вода сняг"
    ),
    "Serbian": (
        "дечак јутро шума љубав јесен мајка кућа вече сто планина језеро ноћ књига човек време рука врата прозор "
        "улица град вода њива"
    ),
    "Greek": (
        "αγόρι πρωί δάσος φθινόπωρο φύλλα μητέρα σπίτι βράδυ τραπέζι βουνό θάλασσα νύχτα βιβλίο άνθρωπος χρόνος χέρι "
        "πόρτα παράθυρο δρόμος πόλη νερό χιόνι"
    ),
    "Hebrew": "ילד בוקר יער פטריות סתיו אמא בית ערב שולחן הרים ים לילה ספר אדם זמן יד דלת חלון רחוב עיר מים שלג",
    "Arabic": "ولد صباح غابة خريف ورقة أم بيت مساء مائدة جبل بحر ليل كتاب إنسان زمن يد باب نافذة شارع مدينة ماء ثلج",
    "Persian": "پسر صبح جنگل پاییز برگ مادر خانه عصر میز کوه دریا شب کتاب آدم زمان دست در پنجره خیابان شهر آب گل",
    "Japanese": (
        "少年 朝早く 森へ きのこ 探しに 秋で 木の葉 ゆっくり 落ちて 家の 前に 母が たずねた すぐ 帰る 答えた 夜に "
        "みんな 食卓 不思議な 話を 語り"
    ),
    "Chinese": (
        "男孩 早上 森林 蘑菇 秋天 树叶 慢慢 母亲 房子 晚上 桌子 故事 高山 深湖 下雨 孩子 睡觉 太阳 安静 回来 时间 朋友"
    ),
    "Korean": (
        "소년은 아침 일찍 버섯을 찾으러 숲으로 갔다 아름다운 가을 나뭇잎 천천히 떨어지고 어머니 물었다 곧 돌아가 "
        "저녁에 모두 식탁에 산과 깊은 호수"
    ),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncodingsConfig(Options):
    """What to measure."""

    languages: str = option("", "Languages to try, with commas between. Default: all 35.")
    plain_bytes: int = option(100_000, "Bytes of ASCII.", at_least=1)
    seed: int = option(1, "Seed of the words.")


def without_marks(text: str) -> str:
    """Returns the ASCII letters of `text`: "żółty" → "zołty" → "zoty"."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def plain_text(language: str, size: int) -> str:
    """Returns `size` characters of lines of ASCII: frequent words of a language and others, all without marks."""
    generator = random.Random(size)
    frequent = sorted(filter(None, map(without_marks, LANGUAGES[language].frequent)))
    others = without_marks(WORDS[language]).split()
    lines, length = [], 0
    while length < size:
        words = [generator.choice(frequent if generator.random() < 0.3 else others) for _ in range(12)]
        lines.append(" ".join(words) + ".")
        length += len(lines[-1]) + 1
    return "\n".join(lines)


def result(text: str, encoding: str) -> str:
    """Returns whether a text in an encoding is read "right" or "wrong", or "refused"."""
    try:
        return "right" if decode(text.encode(encoding)).text == text else "wrong"
    except UserError:
        return "refused"


def results(language: str, *, base: str, count: int, size: int, seed: int) -> dict[str, str]:
    """Returns how a text with `count` words of a language is read, for each encoding that has their letters.

    Args:
        language: of the words.
        base: the language of the ASCII text before them.
        count: how many words.
        size: characters of ASCII.
        seed: of the choice of words.
    """
    words = random.Random(f"{seed} {language} {count}").sample(WORDS[language].split(), count)
    text = f"{plain_text(base, size)}\n{' '.join(words)}.\n"
    found = {}
    for encoding in (*SINGLE_BYTE, *MULTIBYTE):
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            continue
        found[encoding] = result(text, encoding)
    return found


def main(config: EncodingsConfig) -> int:
    """Prints a row for each language and number of words. Returns 1 if anything was read wrong."""
    print("| language | words | right | refused | wrong | read wrong in |")
    print("| --- | ---: | ---: | ---: | ---: | --- |")
    total: Counter[str] = Counter()
    for language in config.languages.split(",") if config.languages else WORDS:
        bases = {"English", language} if LANGUAGES[language].is_latin and LANGUAGES[language].spaced else {"English"}
        for count in COUNTS:
            counted: Counter[str] = Counter()
            wrong = set()
            for base in sorted(bases):
                found = results(language, base=base, count=count, size=config.plain_bytes, seed=config.seed)
                counted.update(found.values())
                wrong |= {f"{encoding} ({base})" for encoding, how in found.items() if how == "wrong"}
            total += counted
            numbers = " | ".join(str(counted[how]) for how in ("right", "refused", "wrong"))
            print(f"| {language} | {count} | {numbers} | {', '.join(sorted(wrong))} |", flush=True)
    print(f"| all | | {total['right']} | {total['refused']} | {total['wrong']} | |")
    return int(total["wrong"] > 0)


if __name__ == "__main__":
    command_line.run(main, EncodingsConfig)
