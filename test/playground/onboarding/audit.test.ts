import type { HistoryEntry, WorkflowDescription } from 'perdure';
import { PerdureError } from 'perdure';
import { describe, expect, test } from 'vitest';
import type { Source } from '../../../playground/onboarding/audit.ts';
import { audit } from '../../../playground/onboarding/audit.ts';
import type { LedgerEntry } from '../../../playground/onboarding/ledger.ts';

type Step = Pick<HistoryEntry, 'kind' | 'outcome' | 'activity' | 'event'>;

const started: Step = { kind: 'start', outcome: 'applied' };
const recorded = (n: number, attempt: number, kind: HistoryEntry['kind'] = 'attempt-completed'): Step => ({
  kind,
  outcome: 'applied',
  activity: { n, attempt },
});

function history(steps: readonly Step[]): HistoryEntry[] {
  const rest = { atMs: 0, status: 'running', value: 'kyc' } as const;
  return steps.map((step, index) => ({ ...step, ...rest, step: index + 1, sequence: index + 1, commit: index + 1 }));
}

function description(id: string, status: WorkflowDescription['status']): WorkflowDescription {
  return {
    id,
    run: 1,
    machine: { id: 'five-step-onboarding', version: '1' },
    status,
    value: 'done',
    context: {},
    sequence: 1,
    startedAtMs: 0,
    updatedAtMs: 0,
    ...(status === 'running' ? {} : { closedAtMs: 1 }),
    queued: 0,
    compensation: 'none',
    ledger: [],
    activities: [],
    timers: [],
    children: [],
    queue: [],
    waitsFor: [],
  };
}

/** A store that holds these merchants; what is not among them is unknown. */
function storeOf(merchants: Record<string, { readonly status?: WorkflowDescription['status']; readonly steps?: readonly Step[] }>): Source {
  const find = (id: string): (typeof merchants)[string] => {
    const found = merchants[id];
    if (found === undefined) throw new PerdureError('WORKFLOW_NOT_FOUND', `no ${id}`, { id });
    return found;
  };
  return {
    describe: async (id) => description(id, find(id).status ?? 'completed'),
    history: async (id, { from, limit }) => history([started, ...(find(id).steps ?? [])]).slice(from - 1, from - 1 + limit),
    results: async () => ({ items: [] }),
  };
}

const call = (n: number, attempt: number, merchant = 'm-1'): LedgerEntry => ({
  kind: 'call',
  key: `${merchant}:1::${n}`,
  attempt,
  merchant,
  activity: 'kyc.verify',
});
const closed = (merchant: string, status = 'completed'): LedgerEntry => ({ kind: 'closed', merchant, status });

async function reruns(steps: readonly Step[], ledger: readonly LedgerEntry[]): Promise<readonly string[]> {
  return (await audit(storeOf({ 'm-1': { steps } }), ['m-1'], ledger)).reruns;
}

describe('the audit of reruns', () => {
  test('finds nothing where attempts grow up to the one that was recorded', async () => {
    const steps = [recorded(1, 2), recorded(2, 1)];
    expect(await reruns(steps, [call(1, 1), call(1, 2), call(2, 1)])).toEqual([]);
  });

  test('finds nothing where a crash left out an attempt', async () => {
    expect(await reruns([recorded(1, 3)], [call(1, 1), call(1, 3)])).toEqual([]);
  });

  test('finds an attempt that was called twice', async () => {
    expect(await reruns([recorded(1, 1)], [call(1, 1), call(1, 1)])).toEqual(['m-1:1::1 attempt 1']);
  });

  test.each(['attempt-completed', 'attempt-failed', 'attempt-timed-out', 'attempt-lost'] as const)(
    'finds an attempt that was called after an %s that was the outcome',
    async (kind) => {
      expect(await reruns([recorded(1, 2, kind)], [call(1, 2), call(1, 3)])).toEqual(['m-1:1::1 attempt 3']);
    },
  );

  test('takes an attempt that failed and was retried for no outcome', async () => {
    const failed: Step = { ...recorded(1, 1, 'attempt-failed'), outcome: 'noted' };
    expect(await reruns([failed, recorded(1, 2)], [call(1, 1), call(1, 2)])).toEqual([]);
  });

  test('looks through histories longer than a page', async () => {
    const noise = Array.from({ length: 250 }, (): Step => ({ kind: 'attempt-due', outcome: 'noted', activity: { n: 9 } }));
    expect(await reruns([...noise, recorded(1, 1)], [call(1, 1), call(1, 2)])).toEqual(['m-1:1::1 attempt 2']);
  });

  test('keeps merchants apart', async () => {
    const store = storeOf({ 'm-1': { steps: [recorded(1, 1)] }, 'm-2': { steps: [recorded(1, 2)] } });
    const { reruns: found } = await audit(store, ['m-1', 'm-2'], [call(1, 1), call(1, 1, 'm-2'), call(1, 2, 'm-2'), call(1, 2)]);
    expect(found).toEqual(['m-1:1::1 attempt 2']);
  });
});

describe('the audit of lost merchants', () => {
  const lost = async (store: Source, ids: readonly string[], ledger: readonly LedgerEntry[]): Promise<readonly string[]> =>
    (await audit(store, ids, ledger)).lost;

  test('finds nothing where all are closed as they were acknowledged', async () => {
    const store = storeOf({ 'm-1': {}, 'm-2': { status: 'failed' } });
    expect(await lost(store, ['m-1', 'm-2'], [closed('m-1'), closed('m-2', 'failed')])).toEqual([]);
  });

  test('finds one that was acknowledged as closed and is not in the store', async () => {
    expect(await lost(storeOf({ 'm-1': {} }), ['m-1', 'm-2'], [closed('m-1'), closed('m-2')])).toEqual(['m-2']);
  });

  test('finds one that was acknowledged as closed and is running', async () => {
    expect(await lost(storeOf({ 'm-1': { status: 'running' } }), ['m-1'], [closed('m-1')])).toEqual(['m-1']);
  });

  test('finds one that ended otherwise than was acknowledged', async () => {
    expect(await lost(storeOf({ 'm-1': { status: 'failed' } }), ['m-1'], [closed('m-1')])).toEqual(['m-1']);
  });

  test('finds one that did not close, though nobody was told anything', async () => {
    expect(await lost(storeOf({ 'm-1': { status: 'running' } }), ['m-1', 'm-2'], [])).toEqual(['m-1', 'm-2']);
  });

  test('finds one that was acknowledged as started and is unknown, also if it is not among those asked for', async () => {
    const ledger: LedgerEntry[] = [
      { kind: 'started', merchant: 'm-1' },
      { kind: 'started', merchant: 'm-8' },
      { kind: 'started', merchant: 'm-9' },
    ];
    expect(await lost(storeOf({ 'm-1': {}, 'm-8': { status: 'running' } }), ['m-1'], ledger)).toEqual(['m-9']);
  });

  test('is not taken in by a store that cannot be read', async () => {
    const broken: Source = {
      describe: async () => {
        throw new PerdureError('WORKFLOW_PARKED', 'damaged', { id: 'm-1', reason: 'record-damaged' });
      },
      history: async () => [],
      results: async () => ({ items: [] }),
    };
    await expect(audit(broken, ['m-1'], [])).rejects.toThrow('damaged');
  });
});

describe('the audit of signals', () => {
  const loggedIn: Step = { kind: 'signal', outcome: 'applied', event: { type: 'LOGGED_IN' } };
  const sending: LedgerEntry = { kind: 'sending', merchant: 'm-1', messageId: 'login', event: { type: 'LOGGED_IN' } };
  const sent = (outcome: 'applied' | 'closed'): LedgerEntry => ({ kind: 'sent', merchant: 'm-1', messageId: 'login', outcome });
  const found = async (steps: readonly Step[], ledger: readonly LedgerEntry[]): Promise<unknown> => {
    const { reruns: twice, lost } = await audit(storeOf({ 'm-1': { steps } }), ['m-1'], ledger);
    return { twice, lost };
  };
  const nothing = { twice: [], lost: [] };

  test('finds nothing where what was acknowledged is there once, however often it was sent', async () => {
    expect(await found([loggedIn], [sending, sending, sent('applied')])).toEqual(nothing);
    expect(await found([loggedIn], [sending, sent('applied'), sending, sent('applied')])).toEqual(nothing);
  });

  test('finds nothing where nobody was told that it was applied', async () => {
    expect(await found([], [sending])).toEqual(nothing);
    expect(await found([loggedIn], [sending])).toEqual(nothing);
    expect(await found([], [sending, sent('closed')])).toEqual(nothing);
  });

  test('finds one that was acknowledged and is not there', async () => {
    expect(await found([], [sending, sent('applied')])).toEqual({ twice: [], lost: ['m-1 LOGGED_IN'] });
  });

  test('finds one that was applied twice', async () => {
    expect(await found([loggedIn, loggedIn], [sending])).toEqual({ twice: ['m-1 LOGGED_IN applied 2 times'], lost: [] });
  });
});

test('the audit holds what others were told against what the providers saw, of a machine that announces', async () => {
  const bank: LedgerEntry = { kind: 'call', key: 'm-1:1::5', attempt: 1, merchant: 'm-1', activity: 'settlement.open' };
  const store = storeOf({ 'm-1': {} });
  const announcing: Source = {
    ...store,
    describe: async (id) => ({ ...(await store.describe(id)), machine: { id: 'merchant-onboarding', version: '1' } }),
  };
  const told = new Map([['m-1', ['merchant.live', 'merchant.live'] as const]]);
  const found = await audit(announcing, ['m-1'], [bank], told);
  expect(found).toMatchObject({
    announced: 2,
    lost: ['m-1 merchant.created was not told'],
    reruns: ['m-1 merchant.live told again, or too late'],
  });
  expect(await audit(store, ['m-1'], [bank], told)).toMatchObject({ announced: 2, lost: [], reruns: [] });
});

test('the audit tells how each merchant stands, in the order asked', async () => {
  const { merchants } = await audit(storeOf({ 'm-1': {}, 'm-2': { status: 'failed' } }), ['m-2', 'm-3', 'm-1'], []);
  expect(merchants.map((merchant) => merchant?.status)).toEqual(['failed', undefined, 'completed']);
});
