import { mkdir, truncate } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { MAX_SHOWN_PROBLEMS } from '../../../playground/inputs/input-file-error.ts';
import { merchantIdProblem, readMerchantsFile } from '../../../playground/inputs/merchants-file.ts';
import { INPUT_LIMITS } from '../../../playground/inputs/text-file.ts';
import { inputError, reasons, temporaryFiles } from './temp-files.ts';

const files = temporaryFiles();

describe('readMerchantsFile: good files', () => {
  it('reads columns in any order and case and ignores others', async () => {
    const path = await files.write('Phone, NAME ,Id,owner\n1,Ann,m-1,Bo\n2, "Ben, jr" ,m-2,\n');
    expect(await readMerchantsFile(path)).toEqual([
      { id: 'm-1', name: 'Ann', country: '', owner: 'Bo', email: '' },
      { id: 'm-2', name: 'Ben, jr', country: '', owner: '', email: '' },
    ]);
  });

  it.each([
    ['byte order mark and CRLF', '\ufeffid,name\r\nm-1,Ann\r\n'],
    ['CR', 'id,name\rm-1,Ann\r'],
    ['blank lines and no last line end', '\n\nid,name\n\nm-1,Ann'],
    ['quoted header', '"id","name"\n"m-1","Ann"\n'],
  ])('reads %s', async (_, content) => {
    expect(await readMerchantsFile(await files.write(content))).toEqual([{ id: 'm-1', name: 'Ann', country: '', owner: '', email: '' }]);
  });

  it('reads quoted line breaks and doubled quotes', async () => {
    const [merchant] = await readMerchantsFile(await files.write('id,name\r\nm-1,"A ""b""\r\nc"\r\n'));
    expect(merchant?.name).toBe('A "b"\nc');
  });

  it('takes an id of 255 bytes', async () => {
    const id = 'é'.repeat(127) + 'x';
    expect((await readMerchantsFile(await files.write(`id,name\n${id},Ann\n`)))[0]?.id).toBe(id);
  });
});

describe('readMerchantsFile: bad rows', () => {
  it('lists each problem with its line and remedy', async () => {
    const rows = ['m-1,Ann', ',Ben', 'm-1,Cal', 'm-4,', 'm-5', 'm-6,Fay,x', `${'é'.repeat(128)},Guy`, '"m\n8",Hal', '"m\n8",Ida'];
    const error = await inputError(readMerchantsFile(await files.write(`id,name\n${rows.join('\n')}\n`)));
    expect(reasons(error)).toEqual([
      '3: the id is missing',
      '4: the id "m-1" was already used on line 2',
      '5: the name is empty',
      '6: the row has 1 field where the header has 2',
      '7: the row has 3 fields where the header has 2',
      `8: the id "${'é'.repeat(20)}…" is 256 bytes long`,
      String.raw`11: the id "m\x0a8" was already used on line 9`,
    ]);
    expect(error.message).toContain('cannot be used: 7 problems.\n  line 3: the id is missing. Give every merchant an id.\n');
    expect(error.omitted).toBe(0);
  });

  it('counts lines rightly after line breaks in quotes, with CRLF too', async () => {
    const error = await inputError(readMerchantsFile(await files.write('id,name\r\nm-1,"a\r\nb\r\nc"\r\n\r\nm-1,x\r\n')));
    expect(reasons(error)).toEqual(['6: the id "m-1" was already used on line 2']);
  });

  it('counts the problems beyond the twentieth', async () => {
    const error = await inputError(readMerchantsFile(await files.write(`id,name\n${',x\n'.repeat(23)}`)));
    expect(error.problems).toHaveLength(MAX_SHOWN_PROBLEMS);
    expect(error.message).toMatch(/: 23 problems\.\n[^]*\n {2}… and 3 more\.$/);
  });

  it('shows control characters and direction marks escaped', async () => {
    const id = '\u001b[31m\u202e\u0007';
    const error = await inputError(readMerchantsFile(await files.write(`id,name\n${id},a\n${id},b\n`)));
    expect(error.message).toContain(String.raw`"\x1b[31m\u202e\x07" was already used on line 2`);
    expect(error.message.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('trims ids before it compares them', async () => {
    const error = await inputError(readMerchantsFile(await files.write('id,name\nm-1,a\n" m-1 ",b\n')));
    expect(reasons(error)).toEqual(['3: the id "m-1" was already used on line 2']);
  });
});

describe('readMerchantsFile: bad CSV', () => {
  it.each([
    ['never closed', 'id,name\nm-1,a\n\nm-2,"b\nm-3,c\n', '4: a quote is opened in this record and never closed'],
    ['closed by the next quote', 'id,name\nm-1,a\nm-2,"b\nm-3,"c"\n', '3: a quote is out of place in this record, on line 4'],
    ['in the middle', 'id,name\nm-1,a"b\n', '2: a quote is out of place'],
    ['in the header', 'id,"name\nm-1,a\n', '1: a quote is opened in this record and never closed'],
  ])('a quote %s', async (_, content, reason) => {
    expect(reasons(await inputError(readMerchantsFile(await files.write(content))))).toEqual([reason]);
  });

  it('keeps the problems found before', async () => {
    const error = await inputError(readMerchantsFile(await files.write('id,name\n,a\nm-2,"b')));
    expect(reasons(error)).toEqual(['2: the id is missing', '3: a quote is opened in this record and never closed']);
  });

  it.each([
    ['no id', 'name,x\na,b\n', ['1: the column "id" is missing']],
    ['neither', 'a\nb\n', ['1: the column "id" is missing', '1: the column "name" is missing']],
    ['id twice', 'id,name,ID\na,b,c\n', ['1: the column "id" is there twice']],
    ['no rows', 'id,name\n\n', ['-: there is a header but no merchant']],
  ])('a header with %s', async (_, content, expected) => {
    expect(reasons(await inputError(readMerchantsFile(await files.write(content))))).toEqual(expected);
  });

  it('names a wrong separator', async () => {
    const error = await inputError(readMerchantsFile(await files.write('id;name\nm-1;a\n')));
    expect(error.message).toContain('seem to be separated by ";"; save the file with commas');
  });
});

describe('readMerchantsFile: bad files', () => {
  it('names the lines that are not UTF-8', async () => {
    const bytes = Buffer.concat([
      Buffer.from('id,name\nm-1,é\nm-2,'),
      Buffer.from([0xe9, 0x0a]),
      Buffer.from('m-3,x\nm-4,'),
      Buffer.from([0xed, 0xa0, 0x80]),
    ]);
    const error = await inputError(readMerchantsFile(await files.write(bytes)));
    expect(reasons(error)).toEqual(['3: some bytes are not valid UTF-8', '5: some bytes are not valid UTF-8']);
  });

  it('recognises UTF-16', async () => {
    const error = await inputError(readMerchantsFile(await files.write(Buffer.from('\ufeffid,name\nm-1,ä\n', 'utf16le'))));
    expect(reasons(error)).toEqual(['1: the file is UTF-16, not UTF-8']);
  });

  it.each(['', '\ufeff', ' \r\n\n'])('refuses an empty file %j', async (content) => {
    expect(reasons(await inputError(readMerchantsFile(await files.write(content))))).toEqual(['-: it is empty']);
  });

  it('refuses a missing file, a folder, a device and a path with a NUL', async () => {
    const missing = await inputError(readMerchantsFile(files.path('none\u001b.csv')));
    expect(reasons(missing)).toEqual(['-: there is no such file']);
    expect(missing.message).toContain(String.raw`none\x1b.csv`);
    expect(missing.cause).toMatchObject({ code: 'ENOENT' });
    await mkdir(files.path('folder'));
    expect(reasons(await inputError(readMerchantsFile(files.path('folder'))))).toEqual(['-: it is a folder']);
    expect(reasons(await inputError(readMerchantsFile('/dev/null')))).toEqual(['-: it is not a regular file']);
    expect(reasons(await inputError(readMerchantsFile('a\u0000b')))).toEqual(['-: the path holds a character that no path may have']);
    expect(reasons(await inputError(readMerchantsFile(`${files.path('folder')}/${'x'.repeat(300)}`)))).toEqual(['-: the path is too long']);
  });

  it('refuses a file of more than 100 MB without reading it', async () => {
    const path = await files.write('id,name\n');
    await truncate(path, INPUT_LIMITS.maxBytes + 1);
    expect(reasons(await inputError(readMerchantsFile(path)))).toEqual(['-: it is too large: 100,000,001 bytes of at most 100,000,000']);
  });

  it('refuses more rows than the limit, which is a million', async () => {
    expect(INPUT_LIMITS.maxRows).toBe(1_000_000);
    const path = await files.write('id,name\n1,a\n\n2,b\n3,c\n4,d\n5,e\n');
    expect(reasons(await inputError(readMerchantsFile(path, { ...INPUT_LIMITS, maxRows: 3 })))).toEqual(['6: there are more than 3 rows']);
    expect(await readMerchantsFile(path, { ...INPUT_LIMITS, maxRows: 5 })).toHaveLength(5);
  });
});

describe('merchantIdProblem', () => {
  it('refuses nothing, too much and half characters', () => {
    expect(merchantIdProblem('')?.reason).toBe('the id is missing');
    expect(merchantIdProblem('a\ud800')?.reason).toBe(String.raw`the id "a\ud800" holds half a character (a lone surrogate)`);
    expect(merchantIdProblem('😀'.repeat(64))?.reason).toContain('256 bytes long');
    expect(merchantIdProblem('😀'.repeat(63))).toBeUndefined();
  });
});
