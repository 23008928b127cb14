import { describe, expect, test } from 'vitest';
import { auditAnnouncements } from '../../../playground/onboarding/audit-announcements.ts';

const live = { id: 'm-1', status: 'completed', closedAtMs: 1 } as const;
const rejected = { id: 'm-1', status: 'failed', closedAtMs: 1 } as const;
const nothing = { reruns: [], lost: [], halfMade: [] };

const early = new Set(['profile.create']);
const late = new Set(['profile.create', 'settlement.open', 'welcome.send']);

describe('the audit of announcements', () => {
  test('finds nothing where others were told what is so', () => {
    expect(auditAnnouncements(live, late, ['merchant.created', 'merchant.live'])).toEqual(nothing);
    expect(auditAnnouncements(rejected, late, ['merchant.created', 'merchant.live', 'merchant.retracted'])).toEqual(nothing);
    expect(auditAnnouncements(rejected, late, ['merchant.created', 'merchant.retracted'])).toEqual(nothing);
    expect(auditAnnouncements(rejected, early)).toEqual(nothing);
    expect(auditAnnouncements({ id: 'm-1', status: 'running' }, late, ['merchant.created'])).toEqual(nothing);
  });

  test('finds what nobody was told', () => {
    const both = ['m-1 merchant.created was not told', 'm-1 merchant.live was not told'];
    expect(auditAnnouncements(live, late)).toEqual({ ...nothing, lost: both });
    expect(auditAnnouncements(rejected, late)).toEqual({ ...nothing, lost: both.slice(0, 1) });
    const followedUp = new Set([...late, 'follow-up.send']);
    expect(auditAnnouncements(rejected, followedUp, ['merchant.created', 'merchant.retracted']).lost).toEqual(both.slice(1));
  });

  test('finds what was told twice, and what was told before something that comes first', () => {
    expect(auditAnnouncements(live, late, ['merchant.created', 'merchant.live', 'merchant.live'])).toEqual({
      ...nothing,
      reruns: ['m-1 merchant.live told again, or too late'],
    });
    expect(auditAnnouncements(live, late, ['merchant.live', 'merchant.created']).reruns).toEqual([
      'm-1 merchant.created told again, or too late',
    ]);
  });

  test('finds what others believe and is not so', () => {
    expect(auditAnnouncements(rejected, late, ['merchant.created', 'merchant.live']).halfMade).toEqual([
      'm-1 is announced, and that is not retracted',
    ]);
    expect(auditAnnouncements(live, late, ['merchant.created', 'merchant.live', 'merchant.retracted']).halfMade).toEqual([
      'm-1 is live, and its announcement retracted',
    ]);
  });
});
