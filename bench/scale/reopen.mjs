/**
 * `node reopen.mjs STORE SIZE ID…`: opens the store, says how long that took and how large the process has become, then signals the
 * workflows one by one. One line of JSON. Plain JavaScript: a loader of TypeScript would be in the memory that is measured.
 */
import { openRuntime } from 'perdure';
import { waitingMachine } from './waiting-machine.mjs';

const [path, size, ...ids] = process.argv.slice(2);
const beganAtMs = performance.now();
const runtime = await openRuntime({ path, machines: [waitingMachine] });
const openSeconds = (performance.now() - beganAtMs) / 1_000;
const mebibytes = process.memoryUsage.rss() / (1024 * 1024);
const signalMs = [];
for (const id of ids) {
  const sentAtMs = performance.now();
  const { outcome } = await runtime.send(id, { type: 'GO' });
  signalMs.push(performance.now() - sentAtMs);
  if (outcome !== 'applied') throw new Error(`The signal to ${id} was ${outcome}, it should be applied.`);
}
const { groups } = await runtime.count({}, { groupBy: 'status' });
if (groups.completed !== ids.length || (groups.running ?? 0) !== Number(size) - ids.length) {
  throw new Error(`Of ${size} workflows ${ids.length} were signalled, and now there are ${JSON.stringify(groups)}.`);
}
process.stdout.write(JSON.stringify({ openSeconds, mebibytes, signalMs }));
await runtime.close();
