/** Names from which merchants of one country are put together. */
export interface Locale {
  /** ISO 3166-1 alpha-2 code. */
  readonly country: string;
  /** Given and family names that go together (in some languages both show the gender); parted by blanks. */
  readonly people: readonly { readonly given: string; readonly family: string }[];
  /** Trading names; `{f}` stands for the owner's family name, `{w}` for one of the words. */
  readonly patterns: readonly string[];
  /** Words for the patterns, parted by `|`. */
  readonly words: string;
}

/** The countries of the invented merchants, in several scripts. */
export const LOCALES: readonly Locale[] = [
  {
    country: 'DE',
    people: [
      { given: 'Jürgen Anneliese Björn Käthe Uwe Sören Monika Götz', family: 'Müller Weiß Schröder Köhler Groß Jäger Böhm Vogel Krüger' },
    ],
    patterns: ['{f} {w} GmbH', '{w} {f} & Söhne', '{f} {w} KG', '{f}, {f} & Co. KG'],
    words: 'Bäckerei|Getränkehandel|Spielwaren|Möbelhaus|Fahrräder|Bürobedarf|Gärtnerei',
  },
  {
    country: 'FR',
    people: [
      {
        given: 'Hélène François Zoé Gaëtan Thérèse Loïc Maëlle Aurélien',
        family: 'Lefèvre Béranger Dupré Château Noël Faucher Guérin Besançon',
      },
    ],
    patterns: ['{w} {f} SARL', 'Chez {f}', '{w} « {f} »', "L'Atelier {f}"],
    words: 'Boulangerie|Fromagerie|Librairie|Café|Épicerie|Pâtisserie|Quincaillerie',
  },
  {
    country: 'ES',
    people: [
      { given: 'Íñigo Begoña Martín Lucía Andrés Sofía Raúl Nuria', family: 'Núñez Peña Ibáñez Castaño Muñoz Cañizares Güell Zúñiga' },
    ],
    patterns: ['{w} {f}, S.L.', '{w} "{f}"', '{f} {w} S.A.'],
    words: 'Panadería|Ferretería|Óptica|Zapatería|Joyería|Cafetería|Frutería',
  },
  {
    country: 'PL',
    people: [
      { given: 'Łukasz Stanisław Michał Grzegorz Paweł', family: 'Wiśniewski Zając Wójcik Dąbrowski Król Gęsicki' },
      { given: 'Małgorzata Grażyna Agnieszka Zofia', family: 'Wiśniewska Zając Wójcik Dąbrowska Król Gęsicka' },
    ],
    patterns: ['{w} {f} Sp. z o.o.', '{w} u {f}', '{f} {w}'],
    words: 'Piekarnia|Księgarnia|Kwiaciarnia|Hurtownia|Żagle|Sklep Rowerowy',
  },
  {
    country: 'CZ',
    people: [
      { given: 'Jiří Tomáš Ondřej Vojtěch Matěj', family: 'Dvořák Černý Svoboda Růžička Kříž Šťastný' },
      { given: 'Kateřina Božena Markéta Alžběta', family: 'Dvořáková Černá Svobodová Růžičková Křížová Šťastná' },
    ],
    patterns: ['{w} {f} s.r.o.', '{f} {w}', '{w} U {f}'],
    words: 'Pekárna|Knihkupectví|Pivovar|Květiny|Železářství|Hračky',
  },
  {
    country: 'TR',
    people: [{ given: 'Çağlar Gülşen İbrahim Işıl Ömer Şebnem Ümit Yiğit', family: 'Yıldız Çelik Şahin Öztürk Kılıç Güneş Doğan Aydın' }],
    patterns: ['{f} {w} Ltd. Şti.', '{f} {w}', '{w} {f} A.Ş.'],
    words: 'Fırını|Kuyumculuk|Halı|Tekstil|Eczanesi|Gıda',
  },
  {
    country: 'NO',
    people: [{ given: 'Øyvind Åse Bjørn Sølvi Pål Gøril Håkon', family: 'Sørensen Ødegård Bråten Hæstad Måløy Kjær Bjørnstad' }],
    patterns: ['{f} {w} AS', '{w} {f}'],
    words: 'Bakeri|Fiskebåter|Blomster|Sykkelverksted|Kaffebrenneri',
  },
  {
    country: 'IE',
    people: [{ given: 'Seán Siobhán Aoife Pádraig Niamh Ciarán', family: "O'Brien Súilleabháin McCarthy Byrne O'Dowd Walsh" }],
    patterns: ['{f} & Sons {w} Ltd', "{f}'s {w}", 'The {w} of {f}, Cork'],
    words: 'Bakery|Hardware|Bookshop|Stables|Woollens|Dairy',
  },
  {
    country: 'BG',
    people: [
      { given: 'Георги Димитър Стоян Пламен Христо', family: 'Иванов Николов Тодоров Желязков Ангелов Щерев' },
      { given: 'Мария Цветелина Йорданка Жана', family: 'Иванова Николова Тодорова Желязкова Ангелова Щерева' },
    ],
    patterns: ['{w} {f} ООД', 'ЕТ „{f}“ {w}', '{f} и синове ЕООД'],
    words: 'Пекарна|Книжарница|Цветя|Мебели|Розово масло|Железария',
  },
  {
    country: 'KZ',
    people: [
      { given: 'Юрий Фёдор Алексей Руслан Василий', family: 'Щукин Ершов Цветков Жуковский Хомяков Пчёлкин' },
      { given: 'Жанна Ольга Юлия Екатерина', family: 'Щукина Ершова Цветкова Жуковская Хомякова Пчёлкина' },
    ],
    patterns: ['ТОО «{w} {f}»', 'ИП {f}', '{w} {f}'],
    words: 'Хлебный дом|Чайный двор|Книжный мир|Мебель|Степной мёд',
  },
  {
    country: 'GR',
    people: [
      { given: 'Γεώργιος Νικόλαος Αλέξανδρος Χρήστος Ιωάννης', family: 'Παπαδόπουλος Οικονόμου Αγγελόπουλος Μπούρας Ξενάκης Ψαλτάκης' },
      { given: 'Ελένη Αικατερίνη Ευφροσύνη Δέσποινα', family: 'Παπαδοπούλου Οικονόμου Αγγελοπούλου Μπούρα Ξενάκη Ψαλτάκη' },
    ],
    patterns: ['{w} {f} ΑΕ', '{w} «{f}»', 'Αφοί {f} ΟΕ'],
    words: 'Φούρνος|Βιβλιοπωλείο|Ταβέρνα|Ελαιόλαδο|Ανθοπωλείο',
  },
  {
    country: 'EG',
    people: [{ given: 'يوسف كريم ليلى سلمى طارق منى', family: 'الحداد النجار العطار الصياد شاهين البستاني' }],
    patterns: ['{w} {f}', 'شركة {f} للتجارة', '{w} {f} وأولاده'],
    words: 'مخبز|مكتبة|مقهى|عطور|أثاث',
  },
  {
    country: 'IL',
    people: [{ given: 'יעל נועם תמר איתן שירה', family: 'כרמלי ברזילי אלמוג שקד גולן' }],
    patterns: ['{w} {f} בע״מ', '{w} {f}'],
    words: 'מאפיית|ספרי|פרחי|קפה',
  },
  {
    country: 'GB',
    people: [
      { given: 'Alice Rupert Imogen Zoë Chloë Winston Priya Desmond', family: 'Hawthorne Brontë Okafor Patel Whitlock Fairfax Penrose' },
    ],
    patterns: ['{f} {w} Ltd', '{w} & {f}', 'The {f} {w} Company'],
    words: 'Tea|Garden Supplies|Bicycles|Records|Stationery|Cheese|"Bargain" Books',
  },
];
