import { describe, expect, test } from 'vitest';
import { audit } from '../../../playground/onboarding/audit.ts';
import { auditWidgets } from '../../../playground/onboarding/audit-widgets.ts';
import type { ProviderCall } from '../../../playground/onboarding/ledger.ts';

const call = (n: number, widget: string, attempt = 1): ProviderCall => ({
  ...{ kind: 'call', key: `m-1:1:9:${n}`, attempt, merchant: 'm-1', activity: 'widget.seed', widget },
});
const welcome: ProviderCall = { kind: 'call', key: 'm-1:1::10', attempt: 1, merchant: 'm-1', activity: 'welcome.send' };
const seeded = (item: number, widget: string) => ({ item, status: 'completed', output: { widget } }) as const;
const nothing = { reruns: [], lost: [] };

describe('the audit of widgets', () => {
  test('finds nothing where each was asked for as one, however often before the welcome email', () => {
    const recorded = [seeded(1, 'fees'), seeded(2, 'payouts')];
    expect(auditWidgets({ id: 'm-1' }, [call(1, 'fees'), call(2, 'payouts'), call(1, 'fees', 2), welcome], recorded)).toEqual(nothing);
    expect(auditWidgets({ id: 'm-1' }, [], [])).toEqual(nothing);
  });

  test('finds one that was seeded as two', () => {
    const { reruns } = auditWidgets({ id: 'm-1' }, [call(1, 'fees'), call(2, 'fees')], [seeded(1, 'fees')]);
    expect(reruns).toEqual(['m-1 widget fees as m-1:1:9:1 and as m-1:1:9:2']);
  });

  test('finds one that was asked for after all of them were recorded', () => {
    const { reruns } = auditWidgets({ id: 'm-1' }, [call(1, 'fees'), welcome, call(1, 'fees', 2)], [seeded(1, 'fees')]);
    expect(reruns).toEqual(['m-1:1:9:1 attempt 2']);
  });

  test('finds one that is recorded and that nobody was asked for; not one that failed', () => {
    const { lost } = auditWidgets({ id: 'm-1' }, [], [seeded(1, 'fees'), { item: 2, status: 'failed' }]);
    expect(lost).toEqual(['m-1 widget fees is recorded and nobody did it']);
  });

  test('is part of the audit, which reads what the fan-out of a merchant came to', async () => {
    const asked: string[] = [];
    const description = {
      ...{ id: 'm-1', run: 1, machine: { id: 'merchant-onboarding', version: '2' }, status: 'completed', value: 'live', context: {} },
      ...{ sequence: 1, startedAtMs: 0, updatedAtMs: 0, closedAtMs: 1, compensation: 'none', queued: 0, ledger: [] },
      ...{ activities: [], timers: [], queue: [], waitsFor: [], children: [{ items: { address: 'm-1:1:9' } }] },
    };
    const source = {
      describe: async () => description as never,
      history: async () => [],
      results: async (address: string) => {
        asked.push(address);
        return { items: [seeded(1, 'fees'), seeded(2, 'payouts')] };
      },
    };
    const told = new Map([['m-1', ['merchant.created', 'merchant.live'] as const]]);
    const { lost, reruns } = await audit(source, ['m-1'], [call(1, 'fees'), welcome, call(1, 'fees')], told);
    expect(asked).toEqual(['m-1:1:9']);
    expect(lost).toEqual(['m-1 widget payouts is recorded and nobody did it']);
    expect(reruns).toEqual(['m-1:1:9:1 attempt 1', 'm-1:1:9:1 attempt 1']);
  });
});
