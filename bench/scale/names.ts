/** The measures of scale, by name: what each is about, and how large it is by itself. */
export const scaleNames = {
  'fan-out-10000': { about: 'a fan-out of activities that return at once', size: 10_000 },
  'fan-out-machines-10000': { about: 'a fan-out of machines of two steps', size: 10_000 },
  'fan-out-100000': { about: 'a larger fan-out beside one of a tenth as many', size: 100_000 },
  'fan-out-snapshot': { about: 'the records of a parent and its fan-out, however many items', size: 100_000 },
  'parked-100000': { about: 'workflows that wait for a signal: starting them, opening their store again, a signal to one', size: 100_000 },
  'timers-10000': { about: 'timers that are due at once', size: 10_000 },
  'storm-100000': { about: 'events sent to one workflow in bursts that nobody awaits', size: 100_000 },
  'bytes-per-workflow': { about: 'bytes on disk of a completed workflow of five steps', size: 5_000 },
} as const;

export type ScaleName = keyof typeof scaleNames;
