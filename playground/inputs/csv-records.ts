import { CsvError, parse } from 'csv-parse/sync';
import type { ProblemList } from './input-file-error.ts';

/** One record of a CSV text. */
export interface CsvRecord {
  readonly fields: readonly string[];
  /** Line on which the record begins, from 1 (a quoted field may go on over several lines). */
  readonly line: number;
}

const REMEDY = 'Close every quoted field, and write a quote inside a field twice (""); the lines after it were not checked.';

function lineFeeds(fields: readonly string[]): number {
  let count = 0;
  for (const field of fields) for (let at = field.indexOf('\n'); at >= 0; at = field.indexOf('\n', at + 1)) count += 1;
  return count;
}

/** The first line after `line` that is not blank: there the next record begins. */
function nextFilledLine(text: string, line: number): number {
  const lines = text.split('\n');
  let at = line;
  while (at < lines.length && lines[at]?.trim() === '') at += 1;
  return at + 1;
}

/**
 * Reads CSV (RFC 4180, by csv-parse) from a text whose lines end in LF and gives each record to
 * `onRecord`, up to `maxRecords` of them. Blank lines are skipped; blanks around fields are dropped.
 * A misplaced or unclosed quote is noted in `problems` and ends the reading, because after it the
 * borders of the records are unknown. Does not yield to the event loop while it reads.
 */
export function readCsvRecords(text: string, maxRecords: number, problems: ProblemList, onRecord: (record: CsvRecord) => void): void {
  let lastLine = 0;
  try {
    parse(text, {
      record_delimiter: '\n',
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
      to: maxRecords,
      on_record: (fields: string[], context) => {
        lastLine = context.lines;
        onRecord({ fields, line: context.lines - lineFeeds(fields) });
        return null;
      },
    });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const start = nextFilledLine(text, lastLine);
    const at = typeof error['lines'] === 'number' ? error['lines'] : start;
    if (error.code === 'CSV_QUOTE_NOT_CLOSED') problems.add(start, 'a quote is opened in this record and never closed', REMEDY);
    else problems.add(start, at > start ? `a quote is out of place in this record, on line ${at}` : 'a quote is out of place', REMEDY);
  }
}
