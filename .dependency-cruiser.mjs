// The floors of ARCHITECTURE.md as rules. Imports go downward only; type imports count.
// Run through .ci/check-floors.mjs, which also asserts that every file was looked at.

/** The only files of src/ that may import XState. */
const xstateSeams = ['src/kernel/xstate-[^/]+\\.ts', 'src/kernel/activity\\.ts'];

/** What a program outside src/ may import of Perdure: the targets of the doors in package.json. */
const doors = ['src/index\\.ts', 'src/authoring\\.ts'];

/** The only places that may know which key-value library keeps the records. */
const levelUsers = ['src/storage/', 'src/hosts/local/'];

const anyOf = (patterns) => `^(${patterns.join('|')})`;
const packageNamed = (names) => `(^|/)node_modules/(${names.join('|')})/`;
const xstate = packageNamed(['xstate', '@xstate/[^/]+']);
const level = packageNamed(['level', 'abstract-level', 'classic-level', 'browser-level', 'memory-level']);

const forbid = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

const floors = [
  forbid(
    'kernel-imports-nothing-above',
    'The kernel is pure and every host needs it: of src/ it imports only itself.',
    { path: '^src/kernel/' },
    { path: '^(src|machines|playground|test|bench|examples)/', pathNot: '^src/kernel/' },
  ),
  forbid(
    'kernel-has-no-builtins',
    'The kernel runs in a browser, too: take clocks, randomness and storage through its ports.',
    { path: '^src/kernel/' },
    { dependencyTypes: ['core'] },
  ),
  forbid(
    'storage-imports-kernel-only',
    'Storage implements the Store port of the kernel and knows nothing else.',
    { path: '^src/storage/' },
    { path: '^src/', pathNot: '^src/(storage|kernel)/' },
  ),
  forbid(
    'runtime-imports-kernel-only',
    'The runtime meets storage only through the Store port; hosts/local joins the two.',
    { path: '^src/runtime/' },
    { path: '^src/', pathNot: '^src/(runtime|kernel)/' },
  ),
  forbid(
    'hosts-import-floors-below',
    'A host composes kernel, storage and runtime, and never reaches up to a face or a door.',
    { path: '^src/hosts/' },
    { path: '^src/', pathNot: '^src/(hosts|storage|runtime|kernel)/' },
  ),
  forbid(
    'hosts-stay-apart',
    'One host never imports another.',
    { path: '^src/hosts/([^/]+)/' },
    { path: '^src/hosts/', pathNot: '^src/hosts/$1/' },
  ),
  forbid(
    'restate-host-needs-kernel-only',
    'Restate brings its own storage and runtime.',
    { path: '^src/hosts/restate/' },
    { path: '^src/(storage|runtime)/' },
  ),
  forbid(
    'doors-are-not-imported-inside',
    'A door is for programs outside; inside src/ import the file that has the thing.',
    { path: '^src/', pathNot: '^src/index\\.ts$' },
    { path: anyOf(doors) },
  ),
  forbid(
    'authoring-reaches-kernel-only',
    'The authoring door runs anywhere: it re-exports from the kernel and from nowhere else.',
    { path: '^src/authoring\\.ts$' },
    { pathNot: '^src/kernel/' },
  ),
];

const packages = [
  forbid(
    'xstate-behind-seams',
    'XState may change under us: only the seam files of the kernel know it.',
    { path: '^src/', pathNot: anyOf(xstateSeams) },
    { path: xstate },
  ),
  forbid(
    'level-in-storage-only',
    'Only storage, and the host that opens it, know which library keeps the records.',
    { path: '^(src|machines|playground)/', pathNot: anyOf(levelUsers) },
    { path: level },
  ),
  forbid(
    'src-needs-no-dev-dependency',
    'What src/ imports is installed with the package: list it under dependencies, or under peerDependencies.',
    { path: '^src/' },
    { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['npm-peer'] },
  ),
];

const outside = [
  forbid(
    'machines-import-authoring-only',
    'A shipped machine imports xstate, perdure/authoring and its neighbours, so that it runs anywhere.',
    { path: '^machines/' },
    { path: '.', pathNot: ['^machines/', '^src/authoring\\.ts$', xstate] },
  ),
  forbid(
    'programs-use-public-doors',
    'Programs import perdure, perdure/authoring and perdure/machines/*, as any user would.',
    { path: '^(playground|bench|examples)/' },
    { path: '^(src|test|\\.ci)/', pathNot: anyOf(doors) },
  ),
  forbid(
    'doors-are-imported-by-name',
    'Write perdure/…, not a relative path: the published package has no such file.',
    { path: '^(machines|playground|bench|examples)/([^/]+)' },
    { path: '^(src|machines)/', pathNot: '^$1/', dependencyTypes: ['local'], dependencyTypesNot: ['localmodule', 'aliased'] },
  ),
];

const everywhere = [
  forbid('no-cycles', 'A cycle, even of types, means two files are one or a third is missing.', {}, { circular: true }),
  forbid('no-orphans', 'Nothing imports this file and it imports nothing.', { orphan: true, pathNot: '\\.d\\.ts$' }, {}),
  forbid('no-unresolved', 'This import leads nowhere.', {}, { couldNotResolve: true }),
];

export default {
  forbidden: [...floors, ...packages, ...outside, ...everywhere],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['perdure-source', 'types', 'import', 'node', 'default'],
    },
  },
};
