import { availableParallelism } from 'node:os';
import { defaultClientConditions, defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';
import { CountReporter } from './.ci/count-reporter.mjs';

// At the large sizes of `npm run soak` a test takes what it takes.
const testTimeout = process.env['PERDURE_SOAK'] === '1' ? 3_600_000 : 20_000;

// Tests run the sources: `perdure-source` is the first condition of every door in package.json.
const source = 'perdure-source';

export default defineConfig({
  resolve: { conditions: [source, ...defaultClientConditions] },
  ssr: { resolve: { conditions: [source, ...defaultServerConditions] } },
  test: {
    environment: 'node',
    include: ['test/**/*.test.ts'],
    watch: false,
    // Many tests wait for processes and disks: even two cores are kept busy.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // Simulated worlds are much garbage that dies young.
    execArgv: ['--max-semi-space-size=64'],
    reporters: ['default', new CountReporter()],
    testTimeout,
    hookTimeout: 20_000,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text', 'html', 'lcovonly'],
      reportsDirectory: 'coverage',
      // A branch of the kernel that no test reaches is one too many.
      thresholds: { 'src/kernel/**': { branches: 100 } },
    },
  },
});
