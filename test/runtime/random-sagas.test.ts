import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LedgerEntryDescription, WorkflowDescription } from 'perdure';
import { limits } from '../../src/kernel/limits.ts';
import { isSoak, replayOf, seed } from '../support/sizes.ts';
import { errorOf } from '../support/world.ts';
import type { TestRuntime } from './local-runtime.ts';
import { closeTestRuntime, openTestRuntime } from './local-runtime.ts';
import { settle } from './manual-clock.ts';
import type { InFlight, ModelEntry } from './saga-model.ts';
import { isUnwound, openOf, SagaModel } from './saga-model.ts';
import type { SagaPlan, WorldCall } from './saga-plans.ts';
import { sagaMachine, sagaPlans, SagaWorld, timeoutMs } from './saga-plans.ts';

const runs = isSoak ? 20_000 : 250;
const undoPrefix = 'undo ';

interface Course {
  readonly plan: SagaPlan;
  /** Which of what is in flight comes to its end next, again and again. */
  readonly choices: readonly number[];
  /** After so many of them. */
  readonly interruption: { readonly kind: 'leave' | 'cancel' | 'none'; readonly after: number };
}

const courses: fc.Arbitrary<Course> = fc.record({
  plan: sagaPlans(2),
  choices: fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 20 }),
  interruption: fc.record({ kind: fc.constantFrom('leave', 'cancel', 'none'), after: fc.nat({ max: 12 }) }),
});

/** One saga in a runtime, with the model beside it. */
class Play {
  readonly world: SagaWorld;
  readonly model: SagaModel;
  readonly #course: Course;
  readonly #test: TestRuntime;
  readonly #beganAtMs = new Map<InFlight, number>();
  #seen = 0;
  #undoing: WorldCall[] = [];

  static async begin(course: Course): Promise<Play> {
    const world = new SagaWorld();
    const machine = sagaMachine(course.plan, world);
    const opened = await openTestRuntime({ machines: [machine] });
    const play = new Play(course, opened, world);
    await opened.runtime.start(machine, { id: 'w' });
    await play.#look();
    return play;
  }

  private constructor(course: Course, opened: TestRuntime, world: SagaWorld) {
    this.#course = course;
    this.#test = opened;
    this.world = world;
    this.model = new SagaModel(course.plan);
  }

  async end(): Promise<WorkflowDescription> {
    const { choices, interruption } = this.#course;
    for (let turn = 0; ; turn += 1) {
      if (turn === interruption.after) await this.#interrupt(interruption.kind);
      if (await this.#answerOne(choices[turn % choices.length] ?? 0)) continue;
      if (this.#waiting().length > 0) await this.#pass(timeoutMs);
      else if (await this.#isOver()) break;
      else await this.#pass(limits.settleMs);
    }
    const description = await this.#test.runtime.describe('w');
    await closeTestRuntime(this.#test);
    return description;
  }

  async #isOver(): Promise<boolean> {
    const { closedAtMs, compensation } = await this.#test.runtime.describe('w');
    return closedAtMs !== undefined && compensation !== 'running';
  }

  async #interrupt(kind: Course['interruption']['kind']): Promise<void> {
    if (kind === 'none' || this.model.root.end !== undefined) return;
    if (kind === 'cancel') {
      await this.#test.runtime.cancel('w');
      this.model.cancel();
    } else {
      await this.#test.runtime.send('w', { type: 'LEAVE' });
      this.model.leave();
    }
    await this.#look();
  }

  /** @returns whether there was one that ends at all */
  async #answerOne(choice: number): Promise<boolean> {
    const ending = this.model.inFlight.filter(({ plan, isLeft }) =>
      isLeft ? plan.afterAbort !== 'never ends' : plan.fate !== 'times out',
    );
    const chosen = choice % Math.max(1, ending.length + this.#undoing.length);
    const step = ending[chosen];
    const undo = this.#undoing[chosen - ending.length];
    if (step !== undefined) this.#answerStep(step);
    else if (undo !== undefined) this.#answerUndo(undo);
    else return false;
    await this.#look();
    return true;
  }

  #answerStep(step: InFlight): void {
    const { name, plan, isLeft } = step;
    if ((isLeft ? plan.afterAbort : plan.fate) === 'completes') {
      this.world.last(name).succeed(`output of ${name}`);
      this.model.complete(step);
    } else {
      this.world.last(name).fail(errorOf('Refused', name));
      this.model.fail(step);
    }
  }

  #answerUndo(call: WorldCall): void {
    const { saga, entry } = this.model.entryOf(call.name.slice(undoPrefix.length));
    if (entry.plan?.undo === 'fails') call.fail(errorOf('Stuck', call.name));
    else call.succeed('');
    this.#undoing = this.#undoing.filter((other) => other !== call);
    this.model.undone(saga, entry);
  }

  #waiting(): InFlight[] {
    return this.model.inFlight.filter(({ plan, isLeft }) => !isLeft && plan.fate === 'times out');
  }

  #dueAtMs(step: InFlight): number {
    return (this.#beganAtMs.get(step) ?? 0) + timeoutMs;
  }

  /** What does not end in time fails, one after the other. */
  async #pass(ms: number): Promise<void> {
    const { clock } = this.#test;
    const endMs = clock.now() + ms;
    for (let due = this.#nextDue(endMs); due.length > 0; due = this.#nextDue(endMs)) {
      // Those due at one moment have all failed, also those that are left because of the first.
      for (const step of due) this.model.fail(step);
      this.#noteBegun(this.#dueAtMs(due[0] as InFlight));
    }
    await clock.pass(ms);
    const called = new Set(this.world.calls.map(({ name }) => name));
    // What is due at once is decided at once: before a step begins it may be left.
    for (const step of this.model.inFlight) if (step.isLeft && !called.has(step.name)) this.model.neverBegan(step);
    await this.#look();
  }

  /** Those that time out next, all at one moment. */
  #nextDue(endMs: number): InFlight[] {
    const waiting = this.#waiting();
    const firstMs = Math.min(...waiting.map((step) => this.#dueAtMs(step)));
    return firstMs > endMs ? [] : waiting.filter((step) => this.#dueAtMs(step) === firstMs);
  }

  #noteBegun(nowMs: number): void {
    for (const step of this.model.inFlight) if (!this.#beganAtMs.has(step)) this.#beganAtMs.set(step, nowMs);
  }

  /** The world was asked for what the model says, and for nothing else. */
  async #look(): Promise<void> {
    await settle();
    this.#noteBegun(this.#test.clock.now());
    const news = this.world.calls.slice(this.#seen);
    this.#seen = this.world.calls.length;
    for (const call of news) {
      if (call.undo === undefined) continue;
      this.#expectInTurn(call);
      this.#undoing.push(call);
    }
    const called = new Set(this.world.calls.map(({ name }) => name));
    expect(called.size, 'nothing is called twice').toBe(this.world.calls.length);
    expect(this.model.inFlight.map(({ name }) => name).filter((name) => !called.has(name))).toEqual([]);
    for (const { name, isLeft } of this.model.inFlight) expect([name, this.world.last(name).signal.aborted]).toEqual([name, isLeft]);
  }

  /** An undo that begins is that of the newest entry of its ledger, which is the newest of the one above, and so on. */
  #expectInTurn({ name, key, undo }: WorldCall): void {
    const own = name.slice(undoPrefix.length);
    const { saga, entry } = this.model.entryOf(own);
    expect(isUnwound(saga), `${own} is not to be undone`).toBe(true);
    expect(openOf(saga)[0]?.name, `the newest of ${saga.name}`).toBe(own);
    for (let under = saga; !under.isUnwoundByChart && under.parent !== undefined; under = under.parent) {
      expect(openOf(under.parent)[0]?.name, `the newest of ${under.parent.name}`).toBe(under.name);
    }
    const isKnown = entry.outcome === 'completed';
    expect(undo).toMatchObject({
      input: `input of ${own}`,
      output: isKnown ? `output of ${own}` : undefined,
      outcome: isKnown ? 'completed' : 'unknown',
      attempt: 1,
    });
    expect(key).toBe(`${this.world.last(own).key}:undo`);
  }
}

function undoOf(entry: ModelEntry, isDone: boolean): LedgerEntryDescription['undo'] {
  if (!isDone) return 'registered';
  return entry.plan?.undo === 'fails' ? 'deferred' : 'undone';
}

function expectEnd({ model, world }: Play, { status, compensation, ledger }: WorkflowDescription): void {
  expect(status).toBe(model.root.end);
  const entries = model.sagas.flatMap((saga) => saga.ledger.map((entry) => ({ saga, entry })));
  const own = entries.filter(({ entry }) => entry.saga === undefined);
  const expected = own.map(({ saga, entry }) => {
    // Nobody asked for what never ends where nothing is undone.
    const outcome = entry.outcome === 'in flight' ? 'unknown' : entry.outcome;
    return [entry.name, outcome, undoOf(entry, isUnwound(saga))];
  });
  const found = ledger
    .filter(({ kind }) => kind === 'activity')
    .map(({ name, outcome, undo }) => [name, outcome === 'leaving' ? 'unknown' : outcome, undo]);
  expect(found.map((row) => row.join()).sort()).toEqual(expected.map((row) => row.join()).sort());
  const unwound = own.filter(({ saga }) => isUnwound(saga)).map(({ entry }) => entry);
  expect(world.undone.map(({ name }) => name).sort()).toEqual(unwound.map(({ name }) => `${undoPrefix}${name}`).sort());
  expect(compensation).toBe(unwound.some(({ plan }) => plan?.undo === 'fails') ? 'deferred' : unwound.length > 0 ? 'done' : 'none');
  const children = entries.filter(({ saga, entry }) => entry.saga !== undefined && isUnwound(saga)).map(({ entry }) => entry.name);
  const undoneChildren = ledger.filter(({ kind, undo }) => kind === 'child' && (undo === 'undone' || undo === 'deferred'));
  expect(undoneChildren.map(({ name }) => name)).toEqual(expect.arrayContaining(children));
}

test(
  'whatever fails, is left or cancelled, what was done is undone once, newest completion first, each child where it completed',
  async () => {
    const seen = { unwound: 0, deep: 0, overlaps: 0, cancelled: 0, neverEnding: 0, deferred: 0 };
    const property = fc.asyncProperty(courses, async (course) => {
      const play = await Play.begin(course);
      const description = await play.end();
      expectEnd(play, description);
      const { model, world } = play;
      seen.unwound += Number(world.undone.length > 1);
      seen.deep += Number(world.undone.some(({ name }) => name.split('/').length > 3));
      seen.overlaps += Number(model.hasOverlap);
      seen.cancelled += Number(description.status === 'cancelled');
      seen.neverEnding += Number(model.inFlight.some(({ entry }) => entry?.isOver === true));
      seen.deferred += Number(description.compensation === 'deferred');
    });
    await fc.assert(property, { numRuns: runs, seed }).catch((error: unknown) => {
      throw new Error(`${String((error as Error).message)}\n${replayOf('random-sagas.test.ts')}`, { cause: error });
    });
    for (const [what, count] of Object.entries(seen)) expect(count, `${what}: ${JSON.stringify(seen)}`).toBeGreaterThan(0);
  },
  isSoak ? 3_600_000 : 120_000,
);
