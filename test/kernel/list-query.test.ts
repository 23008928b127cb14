import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeCursor } from '../../src/kernel/cursor.ts';
import type { CountOptions } from '../../src/kernel/count-query.ts';
import { addTo, checkCount, countShown, groupsOf } from '../../src/kernel/count-query.ts';
import { hasErrorCode } from '../../src/kernel/errors.ts';
import type { WorkflowFilter } from '../../src/kernel/list-filter.ts';
import { checkFilter, matchesFilter } from '../../src/kernel/list-filter.ts';
import type { ListOptions, ListPosition } from '../../src/kernel/list-query.ts';
import { checkList, formatCursor } from '../../src/kernel/list-query.ts';
import type { ListedWorkflow } from '../../src/kernel/listing.ts';
import { unreadableWorkflow } from '../../src/kernel/listing.ts';
import { rootAddress } from '../../src/kernel/address.ts';
import { anyId } from '../storage/samples.ts';

const isMissing = (): boolean => false;
const list = (filter: unknown = {}, options: unknown = {}) => checkList(filter as WorkflowFilter, options as ListOptions, isMissing);

const workflow: ListedWorkflow = {
  id: 'm-7731',
  run: 1,
  machine: { id: 'onboarding', version: '2' },
  status: 'failed',
  value: { working: { kyc: 'asking' } },
  startedAtMs: 100,
  closedAtMs: 200,
  failureClass: 'SanctionsHit',
};

describe('a filter', () => {
  test.each<[unknown, string]>([
    [null, 'list: filter: give an object of options'],
    [{ statuses: 'failed' }, 'list: filter: there is no option "statuses". Did you mean status?'],
    [{ status: 'open' }, 'list: filter: status must be one or several of running, paused,'],
    [{ status: ['failed', 'done'] }, 'found "done"'],
    [{ status: [] }, 'found none'],
    [{ status: 5 }, 'found 5'],
    [{ machine: '' }, 'list: filter: machine must be a string that is not empty; found ""'],
    [{ version: 1 }, 'list: filter: version must be a string that is not empty; found 1'],
    [{ state: ['a'] }, 'state must be a string that is not empty; found an array'],
    [{ idPrefix: '\ud800' }, 'contains a lone surrogate'],
    [{ started: 5 }, 'list: filter: started: give an object of options such as { from, to }; found 5'],
    [{ started: { since: 5 } }, 'list: filter: started: there is no option "since"'],
    [{ closed: { from: '2024-01-01' } }, 'list: filter: closed.from must be a valid Date or epoch milliseconds; found "2024-01-01"'],
    [{ closed: { to: new Date('never') } }, 'list: filter: closed.to must be a valid Date or epoch milliseconds; found NaN'],
    [{ closed: { to: Infinity } }, 'found Infinity'],
    [{ started: { from: 2, to: 1 } }, 'list: filter: started: from (2) must not be later than to (1)'],
  ])('%j is refused with what to give', (filter, message) => {
    expect(() => list(filter)).toThrow(TypeError);
    expect(() => list(filter)).toThrow(message);
  });

  test.each<[WorkflowFilter, boolean]>([
    [{}, true],
    [{ status: 'failed', machine: 'onboarding', version: '2', state: 'working.kyc', failureClass: 'SanctionsHit', idPrefix: 'm-' }, true],
    [{ status: ['completed', 'failed'] }, true],
    [{ status: 'running' }, false],
    [{ machine: 'other' }, false],
    [{ version: '1' }, false],
    [{ state: 'working.mail' }, false],
    [{ failureClass: 'Other' }, false],
    [{ idPrefix: 'n' }, false],
    [{ started: { from: 100, to: 101 }, closed: { from: new Date(200) } }, true],
    [{ started: { to: 100 } }, false],
    [{ started: { from: 101 } }, false],
    [{ started: {} }, true],
  ])('%j is true of what it means', (filter, isMeant) => {
    expect(matchesFilter(workflow, checkFilter(filter, 'list'))).toBe(isMeant);
  });

  test.each<[WorkflowFilter, boolean]>([
    [{ status: 'parked', idPrefix: 'm' }, true],
    [{ machine: 'onboarding' }, false],
    [{ version: '1' }, false],
    [{ state: 'working' }, false],
    [{ started: {} }, false],
  ])('%j is true of what cannot be read only as far as that is known', (filter, isMeant) => {
    expect(matchesFilter(unreadableWorkflow(rootAddress('m-1', 1), {}), checkFilter(filter, 'list'))).toBe(isMeant);
  });
});

describe('a list', () => {
  test.each<[unknown, string]>([
    ['newest', 'list: give an object of options'],
    [{ sort: 'updated' }, "list: sort must be 'started', 'closed' or 'id'; found \"updated\""],
    [{ order: 'down' }, "list: order must be 'ascending' or 'descending'; found \"down\""],
    [{ limit: 0 }, 'list: limit must be a whole number from 1 to 1000; found 0'],
    [{ limit: 1_001 }, 'found 1001'],
    [{ limit: 1.5 }, 'found 1.5'],
    [{ cursor: 5 }, 'list: cursor must be the next of the page before; found 5'],
  ])('with %j is refused with what to give', (options, message) => {
    expect(() => list({}, options)).toThrow(TypeError);
    expect(() => list({}, options)).toThrow(message);
  });

  test('is of the newest first unless it says otherwise, and of ids from the first on', () => {
    expect(list()).toMatchObject({ sort: 'started', isDescending: true, limit: 100 });
    expect(list({}, { sort: 'id' })).toMatchObject({ isDescending: false });
    expect(list({}, { sort: 'id', order: 'descending' })).toMatchObject({ isDescending: true });
  });
});

describe('a cursor', () => {
  const place: ListPosition = { id: 'm-1', run: 3, atMs: 5.5 };
  const query = list({ status: ['failed', 'running'] });

  test('leads back to its place, whatever the id, also on pages of another size', () => {
    fc.assert(
      fc.property(anyId, fc.integer({ min: 1, max: 1_000 }), (id, run) => {
        const cursor = formatCursor({ id, run, atMs: 7 }, query);
        expect(cursor).toMatch(/^[\w-]+$/);
        expect(list({ status: ['running', 'failed'] }, { cursor, limit: 3 }).after).toEqual({ id, run, atMs: 7 });
      }),
    );
  });

  test.each([
    [{}, {}],
    [{ status: 'failed' }, {}],
    [{ status: ['failed', 'running'], machine: 'm' }, {}],
    [{ status: ['failed', 'running'] }, { sort: 'closed' }],
    [{ status: ['failed', 'running'] }, { order: 'ascending' }],
  ] as const)('is refused by the list of %j, %j', (filter, options) => {
    const cursor = formatCursor(place, query);
    expect(() => list(filter, { ...options, cursor })).toThrow('repeat it with the filter, sort and order of the page it came from');
    expect(codeOf(() => list(filter, { ...options, cursor }))).toEqual({ reason: 'other-list' });
  });

  test('that says no place is none, though its digest is right', () => {
    const { filter, sort, isDescending } = query;
    for (const words of [
      [7, 3, 5.5],
      ['', 3, 5.5],
      ['m-1', '3', 5.5],
      ['m-1', 3, 'soon'],
    ]) {
      const cursor = encodeCursor([filter, sort, isDescending], words);
      expect(codeOf(() => list({ status: ['failed', 'running'] }, { cursor }))).toEqual({ reason: 'unreadable' });
    }
  });

  test('that was changed anywhere is none', () => {
    const cursor = formatCursor(place, query);
    for (let at = 0; at < cursor.length; at += 1) {
      const other = cursor[at] === 'A' ? 'B' : 'A';
      const changed = cursor.slice(0, at) + other + cursor.slice(at + 1);
      expect(
        codeOf(() => list({ status: ['failed', 'running'] }, { cursor: changed })),
        changed,
      ).toEqual({ reason: 'unreadable' });
    }
  });

  test.each(['', '!', 'AAAA', btoa('null'), btoa('["a","b",1,2,"c"]'), btoa('[1,"",1,2,"c"]')])('%j is none', (cursor) => {
    expect(codeOf(() => list({}, { cursor }))).toEqual({ reason: 'unreadable' });
    expect(() => list({}, { cursor })).toThrow('give the next of the page before, unchanged, or none to begin anew');
  });
});

function codeOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return hasErrorCode(error, 'CURSOR_INVALID') ? error.details : error;
  }
}

describe('a count', () => {
  test.each<[unknown, string]>([
    [[], 'count: give an object of options'],
    [{ group: 'status' }, 'count: there is no option "group". Did you mean groupBy?'],
    [{ groupBy: 'context' }, 'count: groupBy must be one of status, machine, version, state, failureClass; found "context"'],
  ])('with %j is refused with what to give', (options, message) => {
    expect(() => checkCount({}, options as CountOptions, isMissing)).toThrow(TypeError);
    expect(() => checkCount({}, options as CountOptions, isMissing)).toThrow(message);
  });

  test('is one number, or one of each group', () => {
    const counts = new Map<string, number>();
    addTo(counts, 'b', 3);
    addTo(counts, '__proto__', 2);
    addTo(counts, 'a', 1);
    addTo(counts, 'a', 1);
    const { groups } = countShown({ counts, exact: false }, checkCount({}, { groupBy: 'machine' }, isMissing)) as { groups: object };
    expect(Object.entries(groups)).toEqual([
      ['__proto__', 2],
      ['a', 2],
      ['b', 3],
    ]);
    expect(countShown({ counts: new Map([['', 7]]), exact: true }, checkCount({}, {}, isMissing))).toEqual({ value: 7, exact: true });
    expect(countShown({ counts: new Map(), exact: true }, checkCount({}, {}, isMissing))).toEqual({ value: 0, exact: true });
  });

  test('puts a workflow into the groups it belongs to', () => {
    const both: ListedWorkflow = { ...workflow, value: { a: 'x', b: 'y' } };
    const groups = (['status', 'machine', 'version', 'state', 'failureClass', undefined] as const).map((group) => groupsOf(both, group));
    expect(groups).toEqual([['failed'], ['onboarding'], ['2'], ['a.x', 'b.y'], ['SanctionsHit'], ['']]);
    const unreadable = unreadableWorkflow(rootAddress('m-1', 1), {});
    const none = (['status', 'machine', 'version', 'state', 'failureClass'] as const).map((group) => groupsOf(unreadable, group));
    expect(none).toEqual([['parked'], [], [], [], []]);
  });
});
