/** `run-one.ts NAME SIZE [verbose]`: runs one measure in this process and prints what it found as one line of JSON. */
import { scaleMeasures } from './measures.ts';
import type { ScaleName } from './names.ts';
import { WrongResultError } from './scale-measure.ts';

const [name, size, verbose] = process.argv.slice(2);
try {
  const measured = await scaleMeasures[name as ScaleName]({ size: Number(size), isVerbose: verbose !== undefined });
  process.stdout.write(JSON.stringify(measured));
} catch (error) {
  console.error(error instanceof WrongResultError ? error.message : error);
  process.exitCode = 1;
}
