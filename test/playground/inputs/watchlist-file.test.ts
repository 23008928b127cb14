import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { INPUT_LIMITS } from '../../../playground/inputs/text-file.ts';
import { aliasesInRemarks, readWatchlistFile, SHIPPED_WATCHLIST } from '../../../playground/inputs/watchlist-file.ts';
import { inputError, reasons, temporaryFiles } from './temp-files.ts';

const files = temporaryFiles();
const nulls = (count: number): string => Array.from({ length: count }, () => '-0- ').join(',');
const sdn = (id: string, name: string, type = '-0- ', remarks = '-0- '): string => `${id},"${name}",${type},"DEMO",${nulls(7)},${remarks}`;

describe('the shipped watchlist', () => {
  it('has forty entries of every kind', async () => {
    const entries = await readWatchlistFile(SHIPPED_WATCHLIST);
    expect(entries).toHaveLength(40);
    expect(new Set(entries.map(({ kind }) => kind))).toEqual(new Set(['individual', 'entity', 'vessel', 'aircraft']));
    expect(entries[3]).toEqual({
      id: '1004',
      name: 'AL-ZUMURRUDI, Harith Nadim',
      kind: 'individual',
      aliases: ["ABU-'ISMAT", 'AL ZUMRUDI, Haris'],
      program: 'DEMO-ARMS',
      line: 4,
    });
  });
});

describe('readWatchlistFile: SDN layout', () => {
  it('reads nulls with and without quotes, and the end mark', async () => {
    const content = `${sdn('36', 'DEMO AIR')}\r\n37,"ROE, Jane","individual",${nulls(8)},"-0- "\r\n\u001a\r\n`;
    expect(await readWatchlistFile(await files.write(content))).toEqual([
      { id: '36', name: 'DEMO AIR', kind: 'entity', aliases: [], program: 'DEMO', line: 1 },
      { id: '37', name: 'ROE, Jane', kind: 'individual', aliases: [], line: 2 },
    ]);
  });

  it('tolerates a header, a byte order mark and blank lines', async () => {
    const header = 'ent_num,SDN_Name,SDN_Type,Program,Title,Call_Sign,Vess_type,Tonnage,GRT,Vess_flag,Vess_owner,Remarks';
    const entries = await readWatchlistFile(
      await files.write(`\ufeff${header}\n\n${sdn('1', 'A', '"vessel"')}\n${sdn('2', 'B', '"gang"')}\n`),
    );
    expect(entries.map(({ id, kind, line }) => [id, kind, line])).toEqual([
      ['1', 'vessel', 3],
      ['2', 'unknown', 4],
    ]);
  });

  it('lists problems with lines', async () => {
    const rows = [sdn('1', 'A'), sdn('x', 'B'), sdn('1', 'C'), '4,"D",-0-', sdn('5', '-0- '), sdn('6', 'E')];
    expect(reasons(await inputError(readWatchlistFile(await files.write(rows.join('\n')))))).toEqual([
      '2: the number of the entry (ent_num) is "x"',
      '3: the entry number "1" was already used on line 1',
      '4: the row has 3 fields where the SDN layout has 12',
      '5: the name is empty',
    ]);
  });

  it('names an unclosed quote and too many entries', async () => {
    const open = await files.write(`${sdn('1', 'A')}\n2,"B,-0- \n`);
    expect(reasons(await inputError(readWatchlistFile(open)))).toEqual(['2: a quote is opened in this record and never closed']);
    const path = await files.write([1, 2, 3].map((id) => sdn(`${id}`, 'A')).join('\n'));
    expect(reasons(await inputError(readWatchlistFile(path, { ...INPUT_LIMITS, maxRows: 2 })))).toEqual([
      '3: there are more than 2 entries',
    ]);
  });
});

describe('aliasesInRemarks', () => {
  it.each([
    ["a.k.a. 'ONE'.", ['ONE']],
    ["DOB 1968; POB X; alt. DOB 1969; a.k.a. 'ONE'; f.k.a. 'TWO, B'; n.k.a. 'THREE'; Linked To: FOUR.", ['ONE', 'TWO, B', 'THREE']],
    ["a.k.a. 'ABU-'UMAR'; a.k.a. 'D'ANGELO CO.'.", ["ABU-'UMAR", "D'ANGELO CO."]],
    ['a.k.a. "ONE"; (a.k.a. \'TWO\')', ['ONE', 'TWO']],
    ["a.k.a. 'ONE'; a.k.a. 'ONE'", ['ONE']],
    ["a.k.a. 'ONE'; a.k.a. 'CUT OF", ['ONE']],
    ["Linked To: ONE; Website www.kakak.a. 'x'", []],
    ['', []],
  ])('%s', (remarks, expected) => {
    expect(aliasesInRemarks(remarks)).toEqual(expected);
  });
});

describe('readWatchlistFile: names', () => {
  it('reads one name a line', async () => {
    const content = '# suspects\n\nROE, Jane\r\n  7 Seas, Inc  \n"Doe, John"\n#x\n木村\n';
    expect(await readWatchlistFile(await files.write(content))).toEqual([
      { id: 'line-3', name: 'ROE, Jane', kind: 'unknown', aliases: [], line: 3 },
      { id: 'line-4', name: '7 Seas, Inc', kind: 'unknown', aliases: [], line: 4 },
      { id: 'line-5', name: 'Doe, John', kind: 'unknown', aliases: [], line: 5 },
      { id: 'line-7', name: '木村', kind: 'unknown', aliases: [], line: 7 },
    ]);
  });

  it('refuses lines without a name, too many names, and lists without any', async () => {
    expect(reasons(await inputError(readWatchlistFile(await files.write('Jane\n--\u001b\n'))))).toEqual([
      String.raw`2: "--\x1b" holds no letter or digit`,
    ]);
    const path = await files.write('a\nb\nc\n');
    expect(reasons(await inputError(readWatchlistFile(path, { ...INPUT_LIMITS, maxRows: 2 })))).toEqual([
      '3: there are more than 2 entries',
    ]);
    expect(reasons(await inputError(readWatchlistFile(await files.write('# nobody\n'))))).toEqual(['-: there is no name in it']);
    expect(reasons(await inputError(readWatchlistFile(await files.write('\u001a'))))).toEqual(['-: there is no name in it']);
  });

  it('refuses a table of another layout, such as the merchants file', async () => {
    const error = await inputError(readWatchlistFile(await files.write('id,name,country,owner\nm-1,A,DE,B\nm-2,B,DE,C\n')));
    expect(reasons(error)).toEqual(['1: this is neither a list of names nor in the SDN layout']);
  });

  it('refuses missing files and other encodings', async () => {
    expect(reasons(await inputError(readWatchlistFile(files.path('none'))))).toEqual(['-: there is no such file']);
    expect(reasons(await inputError(readWatchlistFile(await files.write(Buffer.from([0x41, 0xff])))))).toEqual([
      '1: some bytes are not valid UTF-8',
    ]);
  });

  it('keeps any names without commas as they are', async () => {
    const name = fc.stringMatching(/^[A-Za-zÀ-ÿЀ-ӿ][A-Za-zÀ-ÿЀ-ӿ '-]{0,20}[a-z]$/);
    await fc.assert(
      fc.asyncProperty(fc.array(name, { minLength: 1, maxLength: 10 }), async (names) => {
        const entries = await readWatchlistFile(await files.write(names.join('\r\n')));
        expect(entries.map((entry) => entry.name)).toEqual(names);
      }),
      { numRuns: 40 },
    );
  });
});
