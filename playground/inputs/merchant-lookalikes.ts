import type { Merchant } from './merchant.ts';

/** A merchant made to resemble an entry of the shipped watchlist. */
export type Lookalike = Omit<Merchant, 'id'>;

function row(name: string, country: string, owner: string): Lookalike {
  return { name, country, owner, email: `office@lookalike-${country.toLowerCase()}.example` };
}

/** The merchant with the id m-9001-BAD: its owner is on the shipped watchlist as `VOLKENSTEIN-ORLAY, Zoltan Bertalan`. */
export const LISTED_MERCHANT: Lookalike = row('Orlaya Uhren & Automaten', 'HU', 'völkenstein-orlay ZOLTÁN');

/** Merchants that are on the shipped watchlist, or whose owners are, spelled differently. */
export const TRUE_HITS: readonly Lookalike[] = [
  row('ООО «Тихий свет»', 'KZ', 'Тихон Ермолаевич Белоградов'),
  row('Καλλιστρατίδης Εισαγωγαί', 'GR', 'Ευάγγελος Καλλιστρατίδης'),
  row('شركة الزمردي للتجارة', 'EG', 'حارث نديم الزمردي'),
  row('Azurélle Commodities', 'AE', 'Dawn Patel'),
  row('Северный Горизонт-17', 'KZ', 'Ольга Щукина'),
  row('Importadora Cinco Volcánes SA de CV', 'MX', 'Nuria Peña'),
  row('Antyki Mazowsze', 'PL', 'Ziemowit Strzemieniewsky'),
  row('Halverstrøm Design', 'NO', 'HALVERSTRØM, Ingvild'),
  row('Blackfern Nominees Ltd', 'GB', 'Rupert Whitlock'),
  row('Vangelis Marine Supplies', 'GR', 'Vangelis Kallistratides'),
  row('Quadriga-Lumen Instrumets', 'DE', 'Götz Vogel'),
  row('Gökalp Elektronik', 'TR', 'Gökalp Erzurumcuoğlu'),
  row('Kunsthandel De Gouden Lijst', 'NL', 'Joost van der Gravendaal'),
  row('Thalassia Keratea Shipping', 'CY', 'Χρήστος Ξενάκης'),
];

/** Merchants that share something with an entry of the shipped watchlist and are somebody else. */
export const NEAR_MISSES: readonly Lookalike[] = [
  row('Белоградов и дочери', 'KZ', 'Вера Белоградова'),
  row('Kallistratidis Optics', 'GR', 'Μαρία Καλλιστρατίδη'),
  row('مكتبة الزمردي', 'EG', 'سلمى الزمردي'),
  row('Azurelle Patisserie', 'FR', 'Zoé Dupré'),
  row('Meridian Holding AG', 'CH', 'Uwe Jäger'),
  row('Cinco Volcanes Café', 'MX', 'Lucía Ibáñez'),
  row('Sklep Strzemieniewska', 'PL', 'Bogna Strzemieniewska'),
  row('Halverstrom Sails', 'NO', 'Pål Halverstrom'),
  row('Blackfern Garden Centre Limited', 'NZ', 'Imogen Fairfax'),
  row('Petrucciante Gelati', 'IT', 'Chiara Petrucciante'),
  row('Lumen Instruments GmbH', 'AT', 'Monika Weiß'),
  row('Heron Collective', 'IE', 'Niamh Byrne'),
  row('Gravendaal Tulpen BV', 'NL', 'Saskia van der Gravendaal'),
  row('Keratea Shipping Supplies', 'GR', 'Ιωάννης Ψαλτάκης'),
];
