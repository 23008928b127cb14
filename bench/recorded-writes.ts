/** The bytes that Perdure writes, taken from the LevelDB below it. */
import { Level } from 'level';

interface RecordedWrite {
  readonly key: Buffer;
  /** Undefined: a deletion. */
  readonly value: Buffer | undefined;
}

/** One atomic batch. */
export type RecordedBatch = readonly RecordedWrite[];

interface PublicOperation {
  readonly type: 'put' | 'del';
  readonly encodedKey: Uint8Array;
  readonly encodedValue?: Uint8Array;
}

/** Databases that are opened during `open` tell what is written into them during `act`. */
export async function recordWrites<Opened>(
  open: () => Promise<Opened>,
  act: (opened: Opened) => Promise<unknown>,
): Promise<RecordedBatch[]> {
  const batches: RecordedBatch[] = [];
  let isRecording = false;
  const inherited = Reflect.get(Level.prototype, 'open') as (...given: unknown[]) => unknown;
  const watched = new WeakSet();
  const openWatched = function (this: Level, ...given: unknown[]): unknown {
    if (!watched.has(this)) {
      watched.add(this);
      this.on('write', (operations: readonly unknown[]) => {
        if (isRecording) batches.push((operations as readonly PublicOperation[]).map(copied));
      });
    }
    return inherited.apply(this, given);
  };
  Reflect.set(Level.prototype, 'open', openWatched);
  try {
    const opened = await open();
    isRecording = true;
    await act(opened);
  } finally {
    isRecording = false;
    // What it hid is inherited.
    Reflect.deleteProperty(Level.prototype, 'open');
  }
  if (batches.length === 0) throw new Error('Nothing was recorded: Perdure no longer writes through the Level of this process.');
  return batches;
}

function copied({ type, encodedKey, encodedValue }: PublicOperation): RecordedWrite {
  return { key: Buffer.from(encodedKey), value: type === 'del' ? undefined : Buffer.from(encodedValue ?? []) };
}

export function bytesOf(batches: readonly RecordedBatch[]): number {
  return batches.flat().reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0);
}

/** Writes recorded of one id, made into those of another of the same length. */
export class Replay {
  readonly #batches: readonly (readonly (RecordedWrite & { readonly idAt: number })[])[];

  constructor(batches: readonly RecordedBatch[], id: string) {
    const bytes = Buffer.from(id);
    this.#batches = batches.map((batch) => batch.map((write) => ({ ...write, idAt: write.key.indexOf(bytes) })));
  }

  /** Batch after batch, each synced, as they were written. */
  async write(level: Level<Uint8Array, Uint8Array>, id: string): Promise<void> {
    for (const batch of this.#batches) {
      const chained = level.batch();
      for (const { key, value, idAt } of batch) {
        const own = Buffer.from(key);
        if (idAt >= 0) own.write(id, idAt);
        if (value === undefined) chained.del(own);
        else chained.put(own, value);
      }
      await chained.write({ sync: true });
    }
  }
}
