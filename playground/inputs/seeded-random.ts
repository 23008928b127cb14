/** A source of pseudo-random numbers, evenly spread over 0 (included) to 1 (excluded). */
export type Random = () => number;

/**
 * The generator mulberry32 by Tommy Ettinger (2017, public domain): 32 bits of state, the same numbers
 * for the same seed on every machine. Good enough to invent data; not for secrets. `seed` is taken
 * modulo 2^32.
 */
export function mulberry32(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** One of the items. Throws RangeError if there is none. */
export function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new RangeError('there is nothing to pick from');
  return item;
}

/** A seed from a text: FNV-1a, 32 bit (Fowler, Noll, Vo). */
export function seedFrom(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}
