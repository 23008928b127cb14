/** What must infer when workflows are started and used, and what the compiler must refuse. Checked, never run. */
import type { merchantOnboarding } from 'perdure/machines/merchant-onboarding';
import type { CountGroup, ListedWorkflow, Runtime, WorkflowCount, WorkflowFailedError, WorkflowGroups, WorkflowHandle } from 'perdure';
import { hasErrorCode } from 'perdure';
import { fiveStepOnboarding } from 'perdure/machines/five-step-onboarding';
import { setup } from 'xstate';
import type { AnyActorRef } from 'xstate';
import { expectTypeOf } from 'vitest';
import { onboarding } from './authoring.ts';

const withoutInput = setup({ types: { events: {} as { type: 'GO' } | { type: 'SAY'; text: string } } }).createMachine({
  id: 'plain',
  version: '1',
});
const withOptionalInput = setup({ types: { input: {} as { size: number } | undefined } }).createMachine({ id: 'optional', version: '1' });

export async function uses(runtime: Runtime): Promise<void> {
  const handle = await runtime.start(onboarding, { id: 'm-7731', input: { merchantId: 'x' }, onExisting: 'use-existing' });
  expectTypeOf<typeof handle>().toEqualTypeOf<WorkflowHandle<typeof onboarding>>();

  const sent = await handle.send({ type: 'DOCUMENT_UPLOADED', url: '' }, { messageId: 'web-551' });
  expectTypeOf<typeof sent.outcome>().toEqualTypeOf<'applied' | 'unhandled' | 'queued'>();
  expectTypeOf<typeof sent.sequence>().toEqualTypeOf<number>();

  const snapshot = handle.getSnapshot();
  expectTypeOf<typeof snapshot.context.merchantId>().toEqualTypeOf<string>();
  snapshot.matches('settling');
  snapshot.hasTag('failed');

  handle.subscribe((seen) => expectTypeOf<typeof seen>().toEqualTypeOf<typeof snapshot>());
  handle
    .subscribe({
      next: (seen) => expectTypeOf<typeof seen.context.url>().toEqualTypeOf<string | undefined>(),
      error: () => undefined,
      complete: () => undefined,
    })
    .unsubscribe();
  const met = await handle.waitFor((seen) => seen.hasTag('failed'), { timeout: '30s' });
  expectTypeOf<typeof met>().toEqualTypeOf<typeof snapshot>();
  const output = await handle.result();
  expectTypeOf<typeof output>().toEqualTypeOf<{ account: string }>();

  // What XState's UI bindings take.
  handle satisfies Pick<AnyActorRef, 'subscribe' | 'getSnapshot'>;

  // A workflow that is brought from the store has the types its caller gives it.
  const found = await runtime.get<typeof onboarding>('m-7731');
  expectTypeOf<typeof found>().toEqualTypeOf<WorkflowHandle<typeof onboarding>>();

  // Without an input there is none to give; optional, it may be left out.
  await runtime.start(withoutInput, {});
  await runtime.start(withoutInput, { id: 'p' });
  await runtime.start(withoutInput, { deadline: '72h' });
  await runtime.start(withoutInput, { deadline: new Date(0) });
  // @ts-expect-error Without a unit it is no duration.
  await runtime.start(withoutInput, { deadline: '72' });
  await runtime.start(withOptionalInput, {});
  await runtime.start(withOptionalInput, { input: { size: 3 } });
  const merchant = { merchantId: 'm', name: 'n', country: 'c', owner: 'o', email: 'e' };
  const five = await (await runtime.start(fiveStepOnboarding, { input: merchant })).result();
  expectTypeOf<typeof five.account>().toEqualTypeOf<string | undefined>();
}

export async function finds(runtime: Runtime): Promise<void> {
  const { workflows, next } = await runtime.list(
    { status: ['failed', 'cancelled'], closed: { from: new Date(), to: 5 } },
    { sort: 'closed' },
  );
  expectTypeOf<(typeof workflows)[number]>().toEqualTypeOf<ListedWorkflow>();
  await runtime.list(undefined, { order: 'ascending', limit: 5, cursor: next });
  // @ts-expect-error No such status.
  await runtime.list({ status: 'open' });
  // @ts-expect-error The context is not listed.
  void workflows[0]?.context;

  const counted = await runtime.count({ state: 'working.kyc' });
  expectTypeOf<typeof counted.value>().toEqualTypeOf<number>();
  const grouped = await runtime.count({}, { groupBy: 'failureClass' });
  expectTypeOf<typeof grouped.groups>().toEqualTypeOf<{ readonly [group: string]: number }>();
  const group = (): CountGroup | undefined => undefined;
  const either = await runtime.count({}, { groupBy: group() });
  expectTypeOf<typeof either>().toEqualTypeOf<WorkflowCount | WorkflowGroups>();
  // @ts-expect-error Nothing is grouped by context.
  await runtime.count({}, { groupBy: 'context' });
}

export async function refusedOfEngine(runtime: Runtime, machine: typeof merchantOnboarding): Promise<void> {
  const handle = await runtime.start(machine, { input: { merchantId: 'm', name: '', country: '', owner: '', email: '' } });
  await handle.send({ type: 'LOGGED_IN' });
  // @ts-expect-error the chart has a transition for it, and only the engine says it
  await handle.send({ type: 'workflow.deadline' });
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
    expectTypeOf<typeof error.details>().toEqualTypeOf<{ readonly path: string; readonly bytes: number; readonly max: number }>();
    // @ts-expect-error a detail of another code
    void error.details.status;
  }
  // @ts-expect-error a code that does not exist
  hasErrorCode(error, 'NO_SUCH_CODE');
  expectTypeOf<typeof failed.failure.class>().toEqualTypeOf<string>();
  expectTypeOf<typeof failed.code>().toEqualTypeOf<'WORKFLOW_FAILED'>();
}
