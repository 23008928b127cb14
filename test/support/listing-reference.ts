/** Lists and counts by a second, simpler hand: everything is looked at, nothing is kept. */
import { isDeepStrictEqual } from 'node:util';
import type { CountGroup, CountQuery } from '../../src/kernel/count-query.ts';
import { checkCount } from '../../src/kernel/count-query.ts';
import type { WorkflowFilter } from '../../src/kernel/list-filter.ts';
import type { ListOptions, ListPosition, ListQuery } from '../../src/kernel/list-query.ts';
import { checkList } from '../../src/kernel/list-query.ts';
import type { Store } from '../../src/kernel/ports.ts';
import type { ActorRecord } from '../../src/kernel/record.ts';
import { isClosed } from '../../src/kernel/record.ts';

const isMissing = (): boolean => false;

/** Every actor record there is. */
export async function allRecords(store: Store): Promise<ActorRecord[]> {
  const records: ActorRecord[] = [];
  for (let after: Uint8Array | undefined, isFirst = true; isFirst || after !== undefined; isFirst = false) {
    const page = await store.scanActors(1_000, after);
    records.push(...page.rows.flatMap(({ record }) => record ?? []));
    after = page.next;
  }
  return records;
}

/** Of each id the root of its latest run. */
export function latestRoots(records: readonly ActorRecord[]): ActorRecord[] {
  const latest = new Map<string, ActorRecord>();
  for (const record of records.filter(({ address }) => address.path.length === 0)) {
    const { workflowId, run } = record.address;
    if (run > (latest.get(workflowId)?.address.run ?? 0)) latest.set(workflowId, record);
  }
  return [...latest.values()];
}

/** The states a value is in, with those above them. No state of a test has a dot in its name. */
function statesIn(value: unknown, path: readonly string[] = []): string[] {
  if (typeof value === 'string') return [[...path, value].join('.')];
  return Object.entries(Object(value) as object).flatMap(([name, below]) => {
    return [[...path, name].join('.'), ...statesIn(below, [...path, name])];
  });
}

function leavesIn(record: ActorRecord): string[] {
  const states = statesIn(record.chart.value);
  return states.filter((state) => !states.some((other) => other.startsWith(`${state}.`)));
}

function isWithin(atMs: number | undefined, { from = -Infinity, to = Infinity }: NonNullable<WorkflowFilter['started']>): boolean {
  return atMs !== undefined && atMs >= Number(from) && atMs < Number(to);
}

export function isMeant(record: ActorRecord, filter: WorkflowFilter): boolean {
  const { status, machine, version, state, failureClass, started, closed, idPrefix } = filter;
  return [
    status === undefined || [status].flat().includes(record.status),
    machine === undefined || machine === record.machine.id,
    version === undefined || version === record.machine.version,
    state === undefined || statesIn(record.chart.value).includes(state),
    failureClass === undefined || failureClass === record.failure?.class,
    started === undefined || isWithin(record.startedAtMs, started),
    closed === undefined || isWithin(record.closedAtMs, closed),
    idPrefix === undefined || record.address.workflowId.startsWith(idPrefix),
  ].every(Boolean);
}

function bytesOf({ address }: ActorRecord): Buffer {
  return Buffer.from(address.workflowId);
}

/** Ids in the order they have to come in. */
function expectedIds(roots: readonly ActorRecord[], filter: WorkflowFilter, { sort = 'started', order }: ListOptions): string[] {
  const moment = ({ startedAtMs, closedAtMs }: ActorRecord): number =>
    sort === 'id' ? 0 : sort === 'started' ? startedAtMs : Number(closedAtMs);
  const meant = roots.filter((root) => isMeant(root, filter) && (sort !== 'closed' || root.closedAtMs !== undefined));
  const sorted = meant.sort((a, b) => moment(a) - moment(b) || Buffer.compare(bytesOf(a), bytesOf(b)));
  const isDescending = (order ?? (sort === 'id' ? 'ascending' : 'descending')) === 'descending';
  return (isDescending ? sorted.reverse() : sorted).map(({ address }) => address.workflowId);
}

function groupsOf(record: ActorRecord, groupBy: CountGroup | undefined): readonly (string | undefined)[] {
  switch (groupBy) {
    case undefined:
      return [''];
    case 'status':
      return [record.status];
    case 'machine':
      return [record.machine.id];
    case 'version':
      return [record.machine.version];
    case 'state':
      return leavesIn(record);
    case 'failureClass':
      return [record.failure?.class];
  }
}

function expectedCounts(roots: readonly ActorRecord[], filter: WorkflowFilter, groupBy?: CountGroup): Record<string, number> {
  const counts = new Map<string, number>();
  for (const group of roots.filter((root) => isMeant(root, filter)).flatMap((root) => groupsOf(root, groupBy))) {
    if (group !== undefined) counts.set(group, (counts.get(group) ?? 0) + 1);
  }
  return Object.fromEntries(counts);
}

async function listedIds(store: Store, filter: WorkflowFilter, options: ListOptions): Promise<string[]> {
  const ids: string[] = [];
  let after: ListPosition | undefined;
  do {
    const query: ListQuery = checkList(filter, options, isMissing);
    const page = await store.list(after === undefined ? query : { ...query, after });
    ids.push(...page.workflows.map(({ id }) => id));
    after = page.next;
  } while (after !== undefined);
  return ids;
}

async function counted(store: Store, filter: WorkflowFilter, groupBy?: CountGroup): Promise<Record<string, number>> {
  const query: CountQuery = checkCount(filter, { groupBy }, isMissing);
  const { counts, exact } = await store.count(query);
  return exact ? Object.fromEntries(counts) : { inexact: 1 };
}

/** Filters of every kind, about what is there; the first is the one that lets everything through. */
function filtersFor(roots: readonly ActorRecord[]): WorkflowFilter[] {
  const [some] = roots;
  if (some === undefined) return [{}];
  const { machine, status, startedAtMs, chart, address } = some;
  const ended = roots.find((root) => isClosed(root.status));
  const at = ended?.closedAtMs ?? startedAtMs;
  const state = statesIn(chart.value)[0];
  return [
    {},
    { status },
    { machine: machine.id },
    { version: machine.version, status: ['running', 'failed'] },
    ...(state === undefined ? [] : [{ state }, { state, machine: machine.id }, { state, status }]),
    { failureClass: ended?.failure?.class ?? 'None' },
    { started: { from: startedAtMs } },
    { started: { to: startedAtMs }, machine: machine.id },
    { closed: { from: at } },
    { closed: { from: at - 90_000, to: at + 1 } },
    { closed: { from: at - 150_000, to: at + 150_000 }, status: 'failed' },
    { idPrefix: address.workflowId.slice(0, 2) },
  ];
}

/** A list in some order, or a count in some groups. */
type Question =
  | { readonly filter: WorkflowFilter; readonly options: ListOptions }
  | { readonly filter: WorkflowFilter; readonly groupBy: CountGroup | undefined };

const plainOrders: readonly ListOptions[] = [{}, { sort: 'closed' }];
const plainGroups: readonly CountGroup[] = ['status', 'state'];
const otherOrders: readonly ListOptions[] = [
  { order: 'ascending' },
  { sort: 'closed', order: 'ascending' },
  { sort: 'id' },
  { sort: 'id', order: 'descending' },
];
const otherGroups: readonly (CountGroup | undefined)[] = [undefined, 'machine', 'version', 'failureClass'];
const orders = [...plainOrders, ...otherOrders];
const groups = [...otherGroups, ...plainGroups];

function ask(filter: WorkflowFilter, someOrders: readonly ListOptions[], someGroups: readonly (CountGroup | undefined)[]): Question[] {
  return [...someOrders.map((options) => ({ filter, options })), ...someGroups.map((groupBy) => ({ filter, groupBy }))];
}

/** The first one, and each of the others in its turn. */
function turn<Each>(all: readonly Each[], number: number): readonly Each[] {
  return all.filter((_each, index) => index === 0 || index === number % all.length);
}

/** What says the most for the least: all that was started, all that has closed, and all by its status and its state. */
const plainQuestions = ask({}, plainOrders, plainGroups);

function otherQuestions(roots: readonly ActorRecord[]): Question[] {
  const [all = {}, ...filters] = filtersFor(roots);
  const others = filters.flatMap((filter, index) => ask(filter, turn(orders, index + 1), turn(groups, index + 1)));
  return [...ask(all, otherOrders, otherGroups), ...others];
}

async function answerTo(question: Question, store: Store, roots: readonly ActorRecord[], limit: number): Promise<string | undefined> {
  const { filter, ...rest } = question;
  const isList = 'options' in question;
  const found = isList ? await listedIds(store, filter, { ...question.options, limit }) : await counted(store, filter, question.groupBy);
  const expected = isList ? expectedIds(roots, filter, question.options) : expectedCounts(roots, filter, question.groupBy);
  if (isDeepStrictEqual(found, expected)) return undefined;
  const text = (value: unknown): string => JSON.stringify(value);
  return `${isList ? 'list' : 'count'}(${text(filter)}, ${text(rest)}) says ${text(found)}, the records say ${text(expected)}`;
}

/**
 * The first list or count that does not say what the records do.
 * @param isThorough whether more is asked than the plain questions, and lists are turned over in pages of two
 * @param isAsked draws a sample of what is asked beyond the plain questions
 */
export async function findDifference(
  store: Store,
  roots: readonly ActorRecord[],
  isThorough: boolean,
  isAsked: () => boolean = () => true,
): Promise<string | undefined> {
  const others = isThorough ? otherQuestions(roots).filter(isAsked) : [];
  for (const question of [...plainQuestions, ...others]) {
    const difference = await answerTo(question, store, roots, isThorough ? 2 : 1_000);
    if (difference !== undefined) return difference;
  }
  return undefined;
}
