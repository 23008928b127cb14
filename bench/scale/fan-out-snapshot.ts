import { join } from 'node:path';
import { Level } from 'level';
import { openRuntime } from 'perdure';
import type { Measured } from '../finding.ts';
import { figure } from '../finding.ts';
import { newFolder, removeFolder } from '../temp-folder.ts';
import { parentOf } from './fan-out.ts';
import type { ScaleOptions } from './scale-measure.ts';
import { confirm } from './scale-measure.ts';

/** The letter that keys of actors begin with. */
const actors = 'a'.charCodeAt(0);

/** How large the records are of a parent and its fan-out: of ten items, of a tenth of the size, and of all. */
export async function fanOutSnapshot({ size }: ScaleOptions): Promise<Measured> {
  const rows: { items: number; 'B of parent and fan-out': number }[] = [];
  for (const items of [10, Math.ceil(size / 10), size]) rows.push({ items, 'B of parent and fan-out': await snapshotBytes(items) });
  const bytes = rows.map((row) => row['B of parent and fan-out']);
  const growth = Math.max(...bytes) - Math.min(...bytes);
  return {
    rows,
    findings: [
      figure({ name: 'fan-out/snapshot', meaning: 'the largest snapshot beyond the smallest', better: 'lower', unit: 'B', target: 1_024 }, [
        growth,
      ]),
    ],
  };
}

async function snapshotBytes(size: number): Promise<number> {
  const path = newFolder();
  const machine = parentOf('activities');
  const runtime = await openRuntime({ path, machines: [machine] });
  const succeeded = await (await runtime.start(machine, { id: 'all', input: { size } })).result();
  confirm(succeeded === size, `Of ${size} items ${String(succeeded)} succeeded.`);
  await runtime.close();
  const level = new Level<Uint8Array, Uint8Array>(join(path, 'level'), { keyEncoding: 'view', valueEncoding: 'view' });
  await level.open();
  let [bytes, records] = [0, 0];
  for await (const value of level.values({ gte: Uint8Array.of(actors), lt: Uint8Array.of(actors + 1) })) {
    bytes += value.length;
    records += 1;
  }
  await level.close();
  removeFolder(path);
  confirm(records === 2, `A parent and its fan-out have ${records} records.`);
  return bytes;
}
