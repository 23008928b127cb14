import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const readme = await readFile(join(root, 'README.md'), 'utf8');

function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].flatMap((match) => match[1] ?? []);
}

/** Each program with what it prints: the blocks follow each other. */
const examples = blocks('ts').map((code, index) => ({ example: index + 1, code, prints: blocks('text')[index] }));

describe('README', () => {
  // Inside the project, so that the example finds perdure as its users do: by name.
  const folders: string[] = [];
  afterAll(async () => Promise.all(folders.map(async (folder) => rm(folder, { recursive: true, force: true }))));

  async function runExample(folder: string): Promise<{ output: string; errors: string }> {
    const command = ['--conditions=perdure-source', '--import', import.meta.resolve('tsx'), join(folder, 'example.ts')];
    const { stdout, stderr } = spawnSync(process.execPath, command, { cwd: folder, encoding: 'utf8' });
    return { output: stdout, errors: stderr };
  }

  test('has eight examples', () => {
    expect(examples).toHaveLength(8);
  });

  test.each(examples)('its example $example prints what it says, and the same when it is run again', async ({ code, prints }) => {
    const folder = await mkdtemp(join(root, 'test/readme/run-'));
    folders.push(folder);
    await writeFile(join(folder, 'example.ts'), code);
    expect(await runExample(folder)).toEqual({ output: prints, errors: '' });
    expect(await runExample(folder)).toEqual({ output: prints, errors: '' });
  });

  test.each(examples)('its example $example passes the strict compiler', async ({ code }) => {
    const folder = await mkdtemp(join(root, 'test/readme/run-'));
    folders.push(folder);
    await writeFile(join(folder, 'example.ts'), code);
    const config = { extends: '../../../tsconfig.base.json', compilerOptions: { noEmit: true }, include: ['.'] };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
    const checked = spawnSync(process.execPath, [join(root, 'node_modules/typescript-7/bin/tsc'), '--project', folder], {
      encoding: 'utf8',
    });
    expect(checked.stdout).toBe('');
    expect(checked.status).toBe(0);
  });

  test('names only commands that exist', async () => {
    const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
    const named = [...readme.matchAll(/npm (?:run )?([a-z:]+)/g)].flatMap((match) => match[1] ?? []);
    const builtIn = ['pack'];
    expect(named.filter((name) => !builtIn.includes(name) && !(name in scripts))).toEqual([]);
    const help = spawnSync(process.execPath, ['--conditions=perdure-source', '--import', 'tsx', 'playground/start.ts', '--help'], {
      cwd: root,
      encoding: 'utf8',
    }).stdout;
    const options = [...readme.matchAll(/npm start -- (.*)$/gm)].flatMap(
      (match) => (match[1] ?? '').split('#')[0]?.match(/--?[a-z-]+|^[a-z-]+/g) ?? [],
    );
    expect(options).toContain('--crash');
    expect(options.filter((option) => !help.includes(option))).toEqual([]);
  });

  test('links to files that exist', async () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].flatMap((match) => match[1] ?? []);
    expect(links.length).toBeGreaterThan(0);
    await Promise.all(links.map(async (link) => readFile(join(root, link))));
  });
});
