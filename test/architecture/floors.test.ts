import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = resolve(fileURLToPath(import.meta.url), '../../..');

type Tree = Record<string, string>;

interface Report {
  readonly isClean: boolean;
  readonly violations: readonly string[];
  readonly summary: string;
}

function checkFloors(folder: string): Report {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, '.ci/check-floors.mjs'), folder], { encoding: 'utf8' });
  const violations = stderr.split('\n').filter((line) => line !== '' && !line.startsWith(' '));
  return { isClean: status === 0, violations: violations.sort(), summary: stdout.trim() };
}

const made: string[] = [];

function folderOf(tree: Tree): string {
  const folder = mkdtempSync(join(tmpdir(), 'perdure-floors-'));
  made.push(folder);
  for (const [file, text] of Object.entries(tree)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  return folder;
}

const door = (path: string): object => ({ 'perdure-source': path });
const packageNamed = (name: string): Tree => ({
  [`node_modules/${name}/package.json`]: JSON.stringify({ name, version: '1.0.0', type: 'module', main: 'index.js' }),
  [`node_modules/${name}/index.js`]: 'export const thing = 1;',
});

/** A small project in which every rule has something to look at and nothing to report. */
const sound: Tree = {
  ...packageNamed('xstate'),
  ...packageNamed('level'),
  ...packageNamed('tinyqueue'),
  ...packageNamed('memory-level'),
  'package.json': JSON.stringify({
    name: 'perdure',
    version: '1.0.0',
    type: 'module',
    exports: { '.': door('./src/index.ts'), './authoring': door('./src/authoring.ts'), './machines/*': door('./machines/*.ts') },
    dependencies: { xstate: '1', level: '1', tinyqueue: '1' },
    devDependencies: { 'memory-level': '1' },
  }),
  'src/index.ts': `export * from './authoring.ts';\nexport { local } from './hosts/local/open.ts';`,
  'src/authoring.ts': `export { activity } from './kernel/activity.ts';`,
  'src/kernel/activity.ts': `import { thing } from 'xstate';\nimport type { Id } from './id.ts';\nexport const activity = (id: Id) => [id, thing];`,
  'src/kernel/xstate-seam.ts': `import type { thing } from 'xstate';\nimport type { Id } from './id.ts';\nexport type Seam = [typeof thing, Id];`,
  'src/kernel/id.ts': `export type Id = string;`,
  'src/storage/store.ts': `import { thing } from 'level';\nimport type { Id } from '../kernel/id.ts';\nexport const store = (id: Id) => [id, thing];`,
  'src/runtime/run.ts': `import { thing } from 'tinyqueue';\nimport type { Id } from '../kernel/id.ts';\nexport const run = (id: Id) => [id, thing];`,
  'src/hosts/local/open.ts': [
    `import { readFileSync } from 'node:fs';`,
    `import { store } from '../../storage/store.ts';`,
    `import { run } from '../../runtime/run.ts';`,
    `export const local = [store, run, readFileSync];`,
  ].join('\n'),
  'src/hosts/restate/serve.ts': `import { activity } from '../../kernel/activity.ts';\nexport const serve = activity;`,
  'machines/order.ts': `import { thing } from 'xstate';\nimport { activity } from 'perdure/authoring';\nexport const order = [thing, activity];`,
  'playground/start.ts': [
    `import { local } from 'perdure';`,
    `import { activity } from 'perdure/authoring';`,
    `import { order } from 'perdure/machines/order';`,
    `import { shown } from './shown.ts';`,
    `console.log(local, activity, order, shown);`,
  ].join('\n'),
  'playground/shown.ts': `import { thing } from 'memory-level-like';\nexport const shown = thing;`,
  ...packageNamed('memory-level-like'),
};

interface Plant {
  readonly rule: string;
  readonly title: string;
  readonly files: Tree;
  /** Where the rule must point; the first planted file unless told. */
  readonly reported?: string;
}

const imports = (...paths: string[]): string =>
  paths.map((path, index) => `import * as part${index} from '${path}';\nexport { part${index} };`).join('\n');
const importsType = (path: string): string => `import type * as part from '${path}';\nexport type Part = typeof part;`;

const plants: readonly Plant[] = [
  {
    rule: 'kernel-imports-nothing-above',
    title: 'the kernel imports storage',
    files: { 'src/kernel/bad-upward.ts': imports('../storage/store.ts') },
  },
  {
    rule: 'kernel-imports-nothing-above',
    title: 'the kernel imports a type of the runtime',
    files: { 'src/kernel/bad-upward-type.ts': importsType('../runtime/run.ts') },
  },
  {
    rule: 'kernel-has-no-builtins',
    title: 'the kernel imports a Node module',
    files: { 'src/kernel/bad-builtin.ts': imports('node:crypto') },
  },
  {
    rule: 'kernel-has-no-builtins',
    title: 'the kernel imports a Node module by its bare name',
    files: { 'src/kernel/bad-bare-builtin.ts': imports('fs') },
  },
  {
    rule: 'storage-imports-kernel-only',
    title: 'storage imports the runtime',
    files: { 'src/storage/bad-sideways.ts': imports('../runtime/run.ts') },
  },
  {
    rule: 'runtime-imports-kernel-only',
    title: 'the runtime imports a type of storage',
    files: { 'src/runtime/bad-storage.ts': importsType('../storage/store.ts') },
  },
  {
    rule: 'runtime-imports-kernel-only',
    title: 'the runtime imports a host',
    files: { 'src/runtime/bad-upward.ts': imports('../hosts/local/open.ts') },
  },
  {
    rule: 'hosts-import-floors-below',
    title: 'a host imports a face',
    files: { 'src/hosts/local/bad-upward.ts': imports('../../cli/face.ts'), 'src/cli/face.ts': imports('node:os') },
  },
  {
    rule: 'hosts-stay-apart',
    title: 'one host imports another',
    files: { 'src/hosts/local/bad-neighbour.ts': imports('../restate/serve.ts') },
  },
  {
    rule: 'restate-host-needs-kernel-only',
    title: 'the Restate host imports the runtime',
    files: { 'src/hosts/restate/bad-runtime.ts': imports('../../runtime/run.ts') },
  },
  { rule: 'doors-are-not-imported-inside', title: 'a floor imports a door', files: { 'src/cli/bad-door.ts': imports('../authoring.ts') } },
  {
    rule: 'doors-are-not-imported-inside',
    title: 'a floor imports a door by its public name',
    files: { 'src/cli/bad-door-name.ts': imports('perdure/authoring') },
  },
  {
    rule: 'authoring-reaches-kernel-only',
    title: 'the authoring door exports a piece of storage',
    files: { 'src/authoring.ts': `${String(sound['src/authoring.ts'])}\nexport { store } from './storage/store.ts';` },
  },
  {
    rule: 'xstate-behind-seams',
    title: 'a kernel file that is no seam imports XState',
    files: { 'src/kernel/bad-xstate.ts': importsType('xstate') },
  },
  { rule: 'xstate-behind-seams', title: 'the runtime imports XState', files: { 'src/runtime/bad-xstate.ts': imports('xstate') } },
  { rule: 'level-in-storage-only', title: 'the runtime imports LevelDB', files: { 'src/runtime/bad-level.ts': imports('level') } },
  { rule: 'level-in-storage-only', title: 'the playground imports LevelDB', files: { 'playground/bad-level.ts': imports('level') } },
  {
    rule: 'src-needs-no-dev-dependency',
    title: 'storage imports a development dependency',
    files: { 'src/storage/bad-dev.ts': imports('memory-level') },
  },
  {
    rule: 'src-needs-no-dev-dependency',
    title: 'storage imports a package that package.json does not list',
    files: { 'src/storage/bad-unlisted.ts': imports('memory-level-like') },
  },
  {
    rule: 'machines-import-authoring-only',
    title: 'a machine imports the main door',
    files: { 'machines/bad-main.ts': imports('perdure') },
  },
  {
    rule: 'machines-import-authoring-only',
    title: 'a machine imports a package',
    files: { 'machines/bad-package.ts': imports('tinyqueue') },
  },
  {
    rule: 'machines-import-authoring-only',
    title: 'a machine imports a Node module',
    files: { 'machines/bad-builtin.ts': imports('node:fs') },
  },
  {
    rule: 'programs-use-public-doors',
    title: 'the playground imports an inner file',
    files: { 'playground/bad-inner.ts': imports('../src/kernel/id.ts') },
    reported: 'playground/bad-inner.ts → src/kernel/id.ts',
  },
  {
    rule: 'doors-are-imported-by-name',
    title: 'the playground imports a door by its path',
    files: { 'playground/bad-path.ts': imports('../src/index.ts') },
  },
  {
    rule: 'doors-are-imported-by-name',
    title: 'the playground imports a machine by its path',
    files: { 'playground/bad-machine-path.ts': imports('../machines/order.ts') },
  },
  {
    rule: 'no-cycles',
    title: 'two files import each other, once as a type',
    files: { 'src/runtime/bad-cycle-a.ts': imports('./bad-cycle-b.ts'), 'src/runtime/bad-cycle-b.ts': importsType('./bad-cycle-a.ts') },
  },
  {
    rule: 'no-orphans',
    title: 'a file is imported by nothing and imports nothing',
    files: { 'src/runtime/bad-orphan.ts': 'export const alone = 1;' },
  },
  { rule: 'no-unresolved', title: 'an import leads nowhere', files: { 'src/runtime/bad-import.ts': imports('./nowhere.ts') } },
  { rule: 'unknown-floor', title: 'a folder that is no floor', files: { 'src/utils/bad-floor.ts': imports('../kernel/id.ts') } },
  {
    rule: 'no-waivers',
    title: 'a lint rule is waived',
    files: { 'src/runtime/bad-lint.ts': `// eslint-disable-next-line\n${imports('./run.ts')}` },
  },
  {
    rule: 'no-waivers',
    title: 'the compiler is silenced',
    files: { 'machines/bad-types.ts': `// @ts-expect-error later\n${imports('./order.ts')}` },
  },
  {
    rule: 'no-waivers',
    title: 'the formatter is silenced',
    files: { 'playground/bad-format.ts': `// prettier-ignore\n${imports('./shown.ts')}` },
  },
  {
    rule: 'no-waivers',
    title: 'a line is hidden from coverage',
    files: { 'src/storage/bad-coverage.ts': `/* v8 ignore next */\n${imports('./store.ts')}` },
  },
];

afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

describe('the floors of this repository', () => {
  it('are kept by every file', () => {
    expect(checkFloors(root)).toEqual({
      isClean: true,
      violations: [],
      summary: expect.stringMatching(/^[1-9]\d* files checked, 0 violations$/),
    });
  });
});

describe('the floor check', () => {
  let planted: Report;

  beforeAll(() => {
    planted = checkFloors(folderOf(plants.reduce((tree, plant) => ({ ...tree, ...plant.files }), sound)));
  });

  it('finds nothing in a sound tree and reads every file of it', () => {
    const files = Object.keys(sound).filter((file) => file.endsWith('.ts'));
    expect(checkFloors(folderOf(sound))).toEqual({ isClean: true, violations: [], summary: `${files.length} files checked, 0 violations` });
  });

  it('fails when there is nothing to check', () => {
    expect(checkFloors(folderOf({ 'package.json': '{}' })).isClean).toBe(false);
  });

  for (const { rule, title, files, reported } of plants) {
    it(`reports that ${title} (${rule})`, () => {
      const place = reported ?? Object.keys(files)[0]!;
      expect(planted.violations).toContainEqual(expect.stringMatching(new RegExp(`^${rule}: ${place.replaceAll('.', '\\.')}`)));
    });
  }

  it('says nothing about the sound files beside the planted ones', () => {
    const places = plants.flatMap(({ files }) => Object.keys(files));
    expect(planted.violations.filter((violation) => !places.some((place) => violation.includes(place)))).toEqual([]);
  });
});
