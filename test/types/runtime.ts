/** What must infer when workflows are started and used, and what the compiler must refuse. Checked, never run. */
import type { Runtime, WorkflowFailedError, WorkflowHandle } from 'perdure';
import { hasErrorCode } from 'perdure';
import { fiveStepOnboarding } from 'perdure/machines/five-step-onboarding';
import { setup } from 'xstate';
import type { AnyActorRef } from 'xstate';
import { onboarding } from './authoring.ts';

/** Compiles only if both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {
  // The compiler has judged it.
}

const withoutInput = setup({ types: { events: {} as { type: 'GO' } | { type: 'SAY'; text: string } } }).createMachine({
  id: 'plain',
  version: '1',
});
const withOptionalInput = setup({ types: { input: {} as { size: number } | undefined } }).createMachine({ id: 'optional', version: '1' });

export async function uses(runtime: Runtime): Promise<void> {
  const handle = await runtime.start(onboarding, { id: 'm-7731', input: { merchantId: 'x' }, onExisting: 'use-existing' });
  same<typeof handle, WorkflowHandle<typeof onboarding>>(true);

  const sent = await handle.send({ type: 'DOCUMENT_UPLOADED', url: '' }, { messageId: 'web-551' });
  same<typeof sent.outcome, 'applied' | 'unhandled'>(true);
  same<typeof sent.sequence, number>(true);

  const snapshot = handle.getSnapshot();
  same<typeof snapshot.context.merchantId, string>(true);
  snapshot.matches('settling');
  snapshot.hasTag('failed');

  handle.subscribe((seen) => same<typeof seen, typeof snapshot>(true));
  handle
    .subscribe({
      next: (seen) => same<typeof seen.context.url, string | undefined>(true),
      error: () => undefined,
      complete: () => undefined,
    })
    .unsubscribe();
  const met = await handle.waitFor((seen) => seen.hasTag('failed'), { timeout: '30s' });
  same<typeof met, typeof snapshot>(true);
  const output = await handle.result();
  same<typeof output, { account: string }>(true);

  // What XState's UI bindings take.
  handle satisfies Pick<AnyActorRef, 'subscribe' | 'getSnapshot'>;

  // A workflow that is brought from the store has the types its caller gives it.
  const found = await runtime.get<typeof onboarding>('m-7731');
  same<typeof found, WorkflowHandle<typeof onboarding>>(true);

  // Without an input there is none to give; optional, it may be left out.
  await runtime.start(withoutInput, {});
  await runtime.start(withoutInput, { id: 'p' });
  await runtime.start(withOptionalInput, {});
  await runtime.start(withOptionalInput, { input: { size: 3 } });
  const merchant = { merchantId: 'm', name: 'n', country: 'c', owner: 'o', email: 'e' };
  const five = await (await runtime.start(fiveStepOnboarding, { input: merchant })).result();
  same<typeof five.account, string | undefined>(true);
}

export async function refused(runtime: Runtime): Promise<void> {
  const handle = await runtime.start(onboarding, { input: { merchantId: 'x' } });
  // @ts-expect-error an event the machine does not have
  await handle.send({ type: 'NOPE' });
  // @ts-expect-error an event without its data
  await handle.send({ type: 'DOCUMENT_UPLOADED' });
  // @ts-expect-error an option that does not exist
  await handle.send({ type: 'DOCUMENT_UPLOADED', url: '' }, { id: 'web-551' });
  // @ts-expect-error wrong input
  await runtime.start(onboarding, { input: { merchantId: 3 } });
  // @ts-expect-error no input, though the machine takes one
  await runtime.start(onboarding, { id: 'm-7731' });
  // @ts-expect-error an option that does not exist
  await runtime.start(onboarding, { input: { merchantId: 'x' }, name: 'm' });
  // @ts-expect-error a policy that does not exist
  await runtime.start(onboarding, { input: { merchantId: 'x' }, onExisting: 'replace' });
  // @ts-expect-error a length of time without a unit
  await handle.waitFor(() => true, { timeout: '30' });
  // @ts-expect-error a state the machine does not have
  handle.getSnapshot().matches('nowhere');
  // @ts-expect-error a tag the machine does not have
  handle.getSnapshot().hasTag('live');
  // @ts-expect-error what is shown cannot be changed
  handle.id = 'other';
}

export function failures(error: unknown, failed: WorkflowFailedError): void {
  if (hasErrorCode(error, 'PAYLOAD_TOO_LARGE')) {
    same<typeof error.details, { readonly path: string; readonly bytes: number; readonly max: number }>(true);
    // @ts-expect-error a detail of another code
    void error.details.status;
  }
  // @ts-expect-error a code that does not exist
  hasErrorCode(error, 'NO_SUCH_CODE');
  same<typeof failed.failure.class, string>(true);
  same<typeof failed.code, 'WORKFLOW_FAILED'>(true);
}
