import { describe, expect, test } from 'vitest';
import { activity, implement } from '../../src/kernel/activity.ts';
import { activityDescriptor } from '../../src/kernel/activity-descriptor.ts';

const run = (): number => 1;

describe('an activity is refused', () => {
  test.each([
    ['with irreversible that is neither true nor false', { irreversible: 'yes' }, 'irreversible must be true or false; found "yes".'],
    [
      'with an undo, if it is said to have none',
      { irreversible: true, compensate: { run } },
      'it has an undo (compensate) and is said to be irreversible; leave one of them out.',
    ],
    [
      'with an undo that is no function',
      { compensate: { run: 'later' } },
      'compensate.run must be a function such as async ({ output }) => …; found "later".',
    ],
  ])('%s', (_, options, message) => {
    expect(() => activity({ run, ...options } as never)).toThrow(message);
  });
});

describe('code for an activity', () => {
  test('brings no undo where it was decided that there is none', () => {
    const declared = activity<unknown, number>({ name: 'read', irreversible: true });
    expect(() => implement(declared, { run, compensate: { run } })).toThrow(
      'implement(): the activity is declared irreversible; leave compensate out.',
    );
  });

  test('may bring an undo that nobody declared', () => {
    const declared = activity<unknown, number>({ name: 'read' });
    expect(activityDescriptor(implement(declared, { run, compensate: { run } }))?.undo).toMatchObject({ run });
  });
});
