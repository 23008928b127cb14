// Mutation testing of the rules that everything else trusts: `npm run mutation`, or `npm run mutation -- --mutate src/kernel/wake.ts`.
export default {
  mutate: [
    'src/kernel/decide.ts',
    'src/kernel/retry-policy.ts',
    'src/kernel/attempt-protocol.ts',
    'src/kernel/wake.ts',
    'src/runtime/commit-pipeline.ts',
    'src/runtime/timer-queue.ts',
  ],
  plugins: ['@stryker-mutator/vitest-runner'],
  testRunner: 'vitest',
  vitest: { configFile: '.ci/mutation.vitest.config.mjs', related: false },
  coverageAnalysis: 'perTest',
  // A mutant in what runs while a module loads would need every test again.
  ignoreStatic: true,
  concurrency: 2,
  timeoutMS: 10_000,
  thresholds: { high: 95, low: 90, break: 85 },
  reporters: ['clear-text', 'progress', 'html'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false, reportScoreTable: true },
  htmlReporter: { fileName: 'coverage/mutation.html' },
  tempDirName: 'coverage/.mutation',
  allowEmpty: false,
};
