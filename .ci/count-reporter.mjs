import { subscribe } from 'node:diagnostics_channel';

/**
 * Ends a test run with one plain line, whatever the terminal. Of a run whose worker died it says before that which files did not finish, and how
 * the process ended: Vitest says neither.
 */
export class CountReporter {
  #deaths = [];

  onInit() {
    subscribe('child_process', ({ process: child }) => {
      child.once('exit', (code, signal) => {
        if (code !== 0 && signal !== 'SIGTERM') this.#deaths.push(`process ${child.pid} ended with ${signal ?? code}`);
      });
    });
  }

  onTestRunEnd(modules, errors) {
    const counts = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) counts[test.result().state] += 1;
      if (module.errors().length > 0) counts.failed += 1;
      if (['queued', 'pending'].includes(module.state())) console.log(`Did not finish: ${wordsFor(module)}`);
    }
    if (errors.length > 0) for (const death of this.#deaths) console.log(`Died: ${death}`);
    const skipped = counts.skipped === 0 ? '' : `, ${counts.skipped} skipped`;
    console.log(`Tests: ${counts.passed} passed, ${counts.failed} failed${skipped}`);
  }
}

function wordsFor(module) {
  const open = [...module.children.allTests('pending')].map(({ fullName }) => fullName);
  return `${module.relativeModuleId}${open.length === 0 ? '' : `, with ${open.length} tests open: ${open.slice(0, 5).join('; ')}`}`;
}
