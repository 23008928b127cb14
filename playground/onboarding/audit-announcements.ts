/** The part of the audit that is about announcements: what others were told of a merchant, against what the providers saw and how it ended. */
import type { WorkflowDescription } from 'perdure';
import type { Announcements } from './announcements.ts';

type Told = NonNullable<ReturnType<Announcements['get']>>;

/** What was found about the announcements of one merchant. */
export interface AnnouncementFindings {
  /** What was told twice, or before something that comes first. */
  readonly reruns: readonly string[];
  /** What nobody was told. */
  readonly lost: readonly string[];
  /** What others believe of a merchant who was not taken on, or of one who was, that is not so. */
  readonly halfMade: readonly string[];
}

const order: Told = ['merchant.created', 'merchant.live', 'merchant.retracted'];

/** @param called names of what the providers were asked for */
export function auditAnnouncements(
  { id, status, closedAtMs }: Pick<WorkflowDescription, 'id' | 'status' | 'closedAtMs'>,
  called: ReadonlySet<string>,
  told: Told = [],
): AnnouncementFindings {
  const isLive = status === 'completed';
  const isOver = closedAtMs !== undefined;
  const has = (type: Told[number]): boolean => told.includes(type);
  const isDue = {
    // The account is opened after that.
    'merchant.created': called.has('settlement.open'),
    'merchant.live': isLive || called.has('follow-up.send'),
    'merchant.retracted': isOver && !isLive && has('merchant.created'),
  };
  const late = told.filter((type, index) => told.slice(0, index).some((before) => order.indexOf(before) >= order.indexOf(type)));
  return {
    reruns: late.map((type) => `${id} ${type} told again, or too late`),
    lost: order.slice(0, 2).flatMap((type) => (isOver && isDue[type] && !has(type) ? [`${id} ${type} was not told`] : [])),
    halfMade: [
      ...(isDue['merchant.retracted'] && !has('merchant.retracted') ? [`${id} is announced, and that is not retracted`] : []),
      ...(isLive && has('merchant.retracted') ? [`${id} is live, and its announcement retracted`] : []),
    ],
  };
}
