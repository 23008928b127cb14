import { readCsvRecords, type CsvRecord } from './csv-records.ts';
import { ProblemList } from './input-file-error.ts';
import { MERCHANT_COLUMNS, type Merchant } from './merchant.ts';
import { quoteForTerminal } from './terminal-text.ts';
import { INPUT_LIMITS, readTextFile, type InputLimits } from './text-file.ts';

/** Longest id of a merchant, in bytes of UTF-8. */
const MAX_ID_BYTES = 255;

type Column = keyof Merchant;

const REQUIRED: readonly Column[] = ['id', 'name'];

/** Where each known column stands in a row, and how many fields a row has. */
interface Header {
  readonly positions: ReadonlyMap<string, number>;
  readonly width: number;
}

/**
 * What is wrong with an id, or undefined if it can be used: it must not be empty, be longer than
 * {@link MAX_ID_BYTES} bytes of UTF-8, or hold a lone surrogate (which has no UTF-8 form).
 */
export function merchantIdProblem(id: string): { reason: string; remedy: string } | undefined {
  if (id === '') return { reason: 'the id is missing', remedy: 'Give every merchant an id.' };
  if (/\p{Cs}/u.test(id)) {
    return { reason: `the id ${quoteForTerminal(id)} holds half a character (a lone surrogate)`, remedy: 'Write the id anew.' };
  }
  const bytes = new TextEncoder().encode(id).length;
  if (bytes <= MAX_ID_BYTES) return undefined;
  return { reason: `the id ${quoteForTerminal(id, 20)} is ${bytes} bytes long`, remedy: `Use at most ${MAX_ID_BYTES} bytes of UTF-8.` };
}

function readHeader(record: CsvRecord, problems: ProblemList): Header {
  const positions = new Map<string, number>();
  for (const [position, field] of record.fields.entries()) {
    const column = field.trim().toLowerCase();
    if (!MERCHANT_COLUMNS.some((known) => known === column)) continue;
    if (positions.has(column)) problems.add(record.line, `the column "${column}" is there twice`, 'Rename or remove one of them.');
    else positions.set(column, position);
  }
  const other = record.fields.length === 1 ? /[;\t|]/.exec(record.fields[0] ?? '')?.[0] : undefined;
  const remedy =
    other === undefined
      ? 'The first line must name the columns; "id" and "name" are needed.'
      : `The columns seem to be separated by ${quoteForTerminal(other)}; save the file with commas.`;
  for (const column of REQUIRED) if (!positions.has(column)) problems.add(record.line, `the column "${column}" is missing`, remedy);
  return { positions, width: record.fields.length };
}

function readRow(record: CsvRecord, header: Header): Merchant {
  const value = (column: Column): string => record.fields[header.positions.get(column) ?? -1]?.trim() ?? '';
  return { id: value('id'), name: value('name'), country: value('country'), owner: value('owner'), email: value('email') };
}

/** Notes what is wrong with a row; `firstLines` remembers on which line each id was first seen. */
function checkRow(merchant: Merchant, line: number, firstLines: Map<string, number>, problems: ProblemList): void {
  const idProblem = merchantIdProblem(merchant.id);
  if (idProblem !== undefined) problems.add(line, idProblem.reason, idProblem.remedy);
  else {
    const first = firstLines.get(merchant.id);
    if (first === undefined) firstLines.set(merchant.id, line);
    else problems.add(line, `the id ${quoteForTerminal(merchant.id)} was already used on line ${first}`, 'Give each merchant its own id.');
  }
  if (merchant.name === '') problems.add(line, 'the name is empty', 'Give every merchant a name.');
}

/**
 * Reads merchants from a CSV file (RFC 4180, UTF-8 with or without byte order mark, LF or CRLF). The
 * first line names the columns, in any order and case: `id` and `name` are needed; `country`, `owner`
 * and `email` may be absent; others are ignored. Blanks around values are dropped, blank lines
 * skipped, and a line break inside a quoted value becomes LF.
 *
 * Throws `InputFileError` listing the problems of the whole file if there is any; then nothing is
 * returned. `limits` bounds the size of the file. Reading 100 MB keeps the event loop busy for seconds.
 */
export async function readMerchantsFile(path: string, limits: InputLimits = INPUT_LIMITS): Promise<Merchant[]> {
  const problems = new ProblemList(path, 'merchants file');
  const text = await readTextFile(path, limits.maxBytes, problems);
  const merchants: Merchant[] = [];
  const firstLines = new Map<string, number>();
  let header: Header | undefined;
  let rows = 0;
  readCsvRecords(text, limits.maxRows + 2, problems, (record) => {
    if (header === undefined) {
      header = readHeader(record, problems);
      problems.throwIfAny();
      return;
    }
    rows += 1;
    const { width } = header;
    if (rows > limits.maxRows) {
      problems.add(record.line, `there are more than ${limits.maxRows.toLocaleString('en-US')} rows`, 'Split it into smaller files.');
    } else if (record.fields.length !== width) {
      const found = `${record.fields.length} ${record.fields.length === 1 ? 'field' : 'fields'}`;
      problems.add(record.line, `the row has ${found} where the header has ${width}`, 'Put a value that has a comma in it in quotes.');
    } else {
      const merchant = readRow(record, header);
      checkRow(merchant, record.line, firstLines, problems);
      merchants.push(merchant);
    }
  });
  problems.throwIfAny();
  if (rows === 0) problems.add(undefined, 'there is a header but no merchant', 'Add one line for each merchant.');
  problems.throwIfAny();
  return merchants;
}
