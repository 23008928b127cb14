/**
 * `node reopen.mjs STORE ID`: opens the store and asks for one workflow; one line of JSON says how long that took and how large the
 * process has become. Plain JavaScript: a loader of TypeScript would be in the memory that is measured.
 */
import { openRuntime } from 'perdure';
import { parkedMachine } from './parked-machine.mjs';

const [path, id] = process.argv.slice(2);
const mebibyte = 1024 * 1024;
const emptyMebibytes = process.memoryUsage.rss() / mebibyte;
const beganAtMs = performance.now();
const runtime = await openRuntime({ path, machines: [parkedMachine] });
const snapshot = (await runtime.get(id)).getSnapshot();
const seconds = (performance.now() - beganAtMs) / 1_000;
const mebibytes = process.memoryUsage.rss() / mebibyte;
if (snapshot.value !== 'waiting') throw new Error(`${id} is ${JSON.stringify(snapshot.value)}, it should be waiting.`);
process.stdout.write(JSON.stringify({ seconds, mebibytes, emptyMebibytes }));
await runtime.close();
