/** What a callback or observable has to say, as the envelope its parent hears. */
import type { Address } from './address.ts';
import { childAddress } from './address.ts';
import type { StepEnvelope } from './envelope.ts';
import { failedOutcome } from './failure.ts';
import { encodePayload } from './value-encoding.ts';
import type { VolatileNews } from './xstate-outside.ts';

/** What cannot be kept is told as the child's failure: it would be lost otherwise. */
export function envelopeOfNews(parent: Address, n: number, news: VolatileNews): StepEnvelope {
  try {
    switch (news.kind) {
      case 'event':
        return { kind: 'message', event: encodePayload(news.event, 'event'), from: childAddress(parent, n).path };
      case 'done':
        return { kind: 'child-done', n, output: encodePayload(news.output, 'output') };
      case 'failed':
        return { kind: 'child-failed', n, ...failedOutcome(news.error) };
      case 'snapshot':
        return { kind: 'child-snapshot', n, snapshot: encodePayload(news.snapshot, 'snapshot') };
    }
  } catch (error) {
    return { kind: 'child-failed', n, ...failedOutcome(error) };
  }
}
