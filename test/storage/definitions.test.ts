import { describe, expect, test } from 'vitest';
import { encodeDefinitionKey } from '../../src/storage/keys.ts';
import { openStoreOn } from '../../src/storage/level-store.ts';
import { createMemoryDatabase } from './memory-database.ts';
import { flip } from './samples.ts';

describe('a definition that cannot be read counts as missing', () => {
  const definitions = ['first', 'second', 'third'].map((version) => ({
    machine: { id: 'order', version, structureHash: `hash-${version}` },
    structure: { id: 'order' },
  }));
  const key = encodeDefinitionKey('order', 'second');
  const others = definitions.filter(({ machine }) => machine.version !== 'second');

  async function defined() {
    const memory = await createMemoryDatabase();
    const store = await openStoreOn(memory, { location: 'memory', storeId: 'store-1' });
    await store.write({ firstCommit: 1, commits: [], definitions });
    return { store, memory, value: (await memory.get(key)) ?? Uint8Array.of() };
  }

  test('for any bit of its value, until it is written again', async () => {
    const { store, memory, value } = await defined();
    for (let bit = 0; bit < value.length * 8; bit += 1) {
      await memory.write([{ kind: 'put', key, value: flip(value, bit) }]);
      expect(await store.readDefinitions()).toEqual(others);
    }
    await store.write({ firstCommit: 1, commits: [], definitions });
    expect(await store.readDefinitions()).toEqual(definitions);
  });

  test('for any bit of its key', async () => {
    const { store, memory, value } = await defined();
    await memory.write([{ kind: 'delete', key }]);
    for (let bit = 0; bit < key.length * 8; bit += 1) {
      const moved = flip(key, bit);
      await memory.write([{ kind: 'put', key: moved, value }]);
      expect(await store.readDefinitions()).toEqual(others);
      await memory.write([{ kind: 'delete', key: moved }]);
    }
  });
});
