import { fileURLToPath } from 'node:url';
import { readCsvRecords, type CsvRecord } from './csv-records.ts';
import { ProblemList } from './input-file-error.ts';
import { quoteForTerminal } from './terminal-text.ts';
import { INPUT_LIMITS, readTextFile, type InputLimits } from './text-file.ts';

/** What a watchlist entry is; `unknown` if the file does not say. */
export type WatchlistKind = 'individual' | 'entity' | 'vessel' | 'aircraft' | 'unknown';

/** One person, organisation or craft of a watchlist. */
export interface WatchlistEntry {
  /** The list's own number (ent_num), or `line-7` in a plain list. */
  readonly id: string;
  /** The name as the list spells it; people often as `LAST, First`. */
  readonly name: string;
  readonly kind: WatchlistKind;
  /** Other names of the same entry, without repeats. */
  readonly aliases: readonly string[];
  /** The programme under which it is listed, as the list spells it; absent if the list does not say. */
  readonly program?: string;
  /** Line of the file on which the entry begins, from 1. */
  readonly line: number;
}

/** Path of the small invented watchlist that comes with the playground. */
export const SHIPPED_WATCHLIST: string = fileURLToPath(new URL('./watchlist.csv', import.meta.url));

const SDN_COLUMNS = 12;
const SNIFFED_LINES = 20;
const SDN_START = /^\s*"?\s*(?:\d+|ent_num)\s*"?\s*,/i;
const HEADER_NAME = /^ent_num$/i;
const NULL_VALUE = '-0-';
const KINDS: Readonly<Record<string, WatchlistKind>> = {
  individual: 'individual',
  vessel: 'vessel',
  aircraft: 'aircraft',
  entity: 'entity',
  '': 'entity',
};

/** An alias in the remarks: `a.k.a. 'NAME'` (also f.k.a., n.k.a.); the name may hold apostrophes, so the closing one stands before `;`, `.`, `)` or the end. */
const ALIAS = /\b[afn]\.k\.a\.,?\s*(['"])([^;]+?)\1(?=\s*(?:;|\.?\s*$|[.)]))/gi;

/**
 * The aliases in an SDN remarks field, in order and without repeats. A name cut off by the end of the
 * field (the file allows 1,000 characters) is left out, since half a name matches the wrong people.
 */
export function aliasesInRemarks(remarks: string): string[] {
  const names = new Set<string>();
  for (const match of remarks.matchAll(ALIAS)) {
    const name = match[2]?.trim() ?? '';
    if (name !== '') names.add(name);
  }
  return [...names];
}

/** Takes off the old DOS mark for the end of a file (Ctrl-Z, 0x1A) with which SDN.CSV ends. */
function withoutEndMark(text: string): string {
  const trimmed = text.trimEnd();
  return trimmed.endsWith('\x1a') ? trimmed.slice(0, -1) : text;
}

type Layout = 'sdn' | 'names' | 'other';

function filledLines(text: string, limit: number): string[] {
  const found: string[] = [];
  for (let start = 0; start < text.length && found.length < limit;) {
    const end = text.indexOf('\n', start);
    const line = text.slice(start, end < 0 ? text.length : end).trim();
    if (line !== '' && !line.startsWith('#')) found.push(line);
    start = end < 0 ? text.length : end + 1;
  }
  return found;
}

/** Judges the layout by the first lines, by majority, so that one damaged line does not decide it. */
function detectLayout(text: string): Layout {
  const lines = filledLines(text, SNIFFED_LINES);
  const share = (test: (line: string) => boolean): number => lines.filter(test).length / Math.max(lines.length, 1);
  if (share((line) => SDN_START.test(line)) >= 0.5) return 'sdn';
  return share((line) => line.split(',').length > 3) > 0.5 ? 'other' : 'names';
}

function readSdn(text: string, maxRows: number, problems: ProblemList): WatchlistEntry[] {
  const entries: WatchlistEntry[] = [];
  const firstLines = new Map<string, number>();
  let rows = 0;
  readCsvRecords(text, maxRows + 2, problems, (record) => {
    if (rows === 0 && HEADER_NAME.test(record.fields[0]?.trim() ?? '')) return;
    rows += 1;
    if (rows > maxRows) return noteTooManyRows(record.line, maxRows, problems);
    const entry = readSdnRow(record, firstLines, problems);
    if (entry !== undefined) entries.push(entry);
  });
  return entries;
}

function noteTooManyRows(line: number, maxRows: number, problems: ProblemList): void {
  problems.add(line, `there are more than ${maxRows.toLocaleString('en-US')} entries`, 'Split it into smaller files.');
}

function readSdnRow({ fields, line }: CsvRecord, firstLines: Map<string, number>, problems: ProblemList): WatchlistEntry | undefined {
  if (fields.length !== SDN_COLUMNS) {
    const found = `${fields.length} ${fields.length === 1 ? 'field' : 'fields'}`;
    problems.add(line, `the row has ${found} where the SDN layout has ${SDN_COLUMNS}`, `Put ${NULL_VALUE} in a field that has no value.`);
    return undefined;
  }
  const value = (position: number): string => {
    const field = fields[position]?.trim() ?? '';
    return field === NULL_VALUE ? '' : field;
  };
  const id = value(0);
  const name = value(1);
  const first = firstLines.get(id);
  if (!/^\d+$/.test(id)) {
    problems.add(line, `the number of the entry (ent_num) is ${quoteForTerminal(id)}`, 'Give each entry a whole number of its own.');
  } else if (first !== undefined) {
    problems.add(
      line,
      `the entry number ${quoteForTerminal(id)} was already used on line ${first}`,
      'Give each entry a number of its own.',
    );
  } else firstLines.set(id, line);
  if (name === '') problems.add(line, 'the name is empty', 'Give every entry a name.');
  const program = value(3);
  const kind = KINDS[value(2).toLowerCase()] ?? 'unknown';
  const aliases = aliasesInRemarks(value(11)).filter((alias) => alias !== name);
  return { id, name, kind, aliases, ...(program === '' ? {} : { program }), line };
}

function readNames(text: string, maxRows: number, problems: ProblemList): WatchlistEntry[] {
  const entries: WatchlistEntry[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = index + 1;
    const name = raw
      .trim()
      .replace(/^"(.*)"$/, '$1')
      .trim();
    if (name === '' || name.startsWith('#')) continue;
    if (entries.length === maxRows) {
      noteTooManyRows(line, maxRows, problems);
      break;
    }
    if (/[\p{L}\p{N}]/u.test(name)) entries.push({ id: `line-${line}`, name, kind: 'unknown', aliases: [], line });
    else problems.add(line, `${quoteForTerminal(name)} holds no letter or digit`, 'Write one name a line; begin a comment with #.');
  }
  return entries;
}

/**
 * Reads a watchlist, in one of two layouts told apart by the content:
 *
 * - one name a line; blank lines and lines that begin with `#` are skipped;
 * - the SDN.CSV layout of the US Office of Foreign Assets Control: 12 columns (ent_num, SDN_Name,
 *   SDN_Type, Program, Title, Call_Sign, Vess_type, Tonnage, GRT, Vess_flag, Vess_owner, Remarks),
 *   usually without header, `-0-` for no value, aliases in the remarks, often a last line 0x1A.
 *   Source: "Specially Designated Nationals and Blocked Persons Data Specification", OFAC, 25 Sep 2023.
 *
 * UTF-8 with or without byte order mark, LF or CRLF. Throws `InputFileError` listing the problems of
 * the whole file if there is any; then nothing is returned. `limits` bounds the size of the file.
 */
export async function readWatchlistFile(path: string, limits: InputLimits = INPUT_LIMITS): Promise<WatchlistEntry[]> {
  const problems = new ProblemList(path, 'watchlist');
  const text = withoutEndMark(await readTextFile(path, limits.maxBytes, problems));
  const layout = detectLayout(text);
  if (layout === 'other') {
    const remedy = 'Give a file with one name a line, or one in the 12 columns of SDN.CSV.';
    problems.add(1, 'this is neither a list of names nor in the SDN layout', remedy);
  }
  problems.throwIfAny();
  const entries = (layout === 'sdn' ? readSdn : readNames)(text, limits.maxRows, problems);
  problems.throwIfAny();
  if (entries.length === 0) problems.add(undefined, 'there is no name in it', 'Write at least one name.');
  problems.throwIfAny();
  return entries;
}
