import base from '../vitest.config.ts';

/** The tests that judge the mutated files closely: mutants are many, and each runs every test that reaches it. */
export default {
  ...base,
  test: {
    ...base.test,
    include: ['test/kernel/*.test.ts', 'test/runtime/timer-queue.test.ts', 'test/runtime/commit-pipeline.test.ts'],
    reporters: [],
    // Mutants run in threads, which take no flags of V8.
    execArgv: [],
  },
};
