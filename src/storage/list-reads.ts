/**
 * Answering lists and counts. Everything is read through the reader of one moment, so that an answer is the state before or after a
 * commit, and rows that belong together are held against each other.
 */
import type { CountAnswer, CountQuery } from '../kernel/count-query.ts';
import { addTo, groupsOf } from '../kernel/count-query.ts';
import { limits } from '../kernel/limits.ts';
import { matchesFilter } from '../kernel/list-filter.ts';
import type { CheckedFilter, Moments } from '../kernel/list-filter.ts';
import type { ListAnswer, ListPosition, ListQuery } from '../kernel/list-query.ts';
import type { IsMissing, ListedWorkflow } from '../kernel/listing.ts';
import { isInState, statusShown } from '../kernel/listing.ts';
import type { WorkflowStatus } from '../kernel/record.ts';
import { isClosed } from '../kernel/record.ts';
import { listingForm } from './batch.ts';
import type { Codec } from './codec.ts';
import { readCounts, readStanding, sumOf } from './count-rows.ts';
import { indexDamaged } from './damage.ts';
import type { DatabaseReader } from './database.ts';
import type { Source } from './index-rows.ts';
import { checkIndex, readListed, readPage } from './index-rows.ts';
import type { KeyRange } from './keys.ts';
import { idPrefixRange, successorOf, workflowRange } from './keys.ts';
import type { IndexName, IndexRow } from './listing-keys.ts';
import { countRangeOf, indexRange, minuteMs, momentOf, positionKey, secondMs } from './listing-keys.ts';
import { readHead } from './reads.ts';

/** Workflows looked at before others get a turn. */
const pageRows = 500;

/** @throws PerdureError `INDEX_DAMAGED` */
export async function readList(reader: DatabaseReader, codec: Codec, query: ListQuery): Promise<ListAnswer> {
  await checkKept(reader, codec);
  const { filter, sort, limit, after, isDescending, isMissing } = query;
  const index = sort === 'id' ? undefined : sort;
  const range = rangeOf(index, filter);
  const workflows: ListedWorkflow[] = [];
  const source = { ...(index === undefined ? {} : { index }), range: behind(range, index, after, isDescending), isDescending };
  const isNarrow = Object.keys(filter).every((name) => name === sort || (sort === 'id' && name === 'idPrefix'));
  const walked = await walk(
    reader,
    codec,
    { source, isMissing, max: limits.listScanMax, page: isNarrow ? limit + 1 : pageRows },
    (found) => {
      if (matchesFilter(found, filter)) workflows.push(found);
      return workflows.length < limit;
    },
  );
  if (index !== undefined) {
    const { fromMs = 0, toMs = Infinity } = filter[index] ?? {};
    const [near, far] = isDescending ? [toMs, fromMs] : [fromMs, toMs];
    const [begun, ended] = [after?.atMs ?? near, walked.isEnd ? far : (walked.last?.atMs ?? near)];
    await checkIndex(reader, codec, index, Math.min(begun, ended), Math.max(begun, ended));
  }
  if (walked.isEnd || walked.last === undefined) return { workflows };
  const { atMs, address } = walked.last;
  return { workflows, next: { atMs, id: address.workflowId, run: address.run } };
}

/** While the rows are not kept nothing can be said. */
async function checkKept(reader: DatabaseReader, codec: Codec): Promise<void> {
  const head = await readHead(reader, codec);
  if (head?.listing !== listingForm) throw indexDamaged('it is not kept at present');
}

function rangeOf(index: IndexName | undefined, filter: CheckedFilter): KeyRange {
  if (index === undefined) return idPrefixRange(filter.idPrefix ?? '');
  const { fromMs = 0, toMs = Infinity } = filter[index] ?? {};
  return indexRange(index, fromMs, toMs);
}

function behind(range: KeyRange, index: IndexName | undefined, after: ListPosition | undefined, isDescending: boolean): KeyRange {
  if (after === undefined) return range;
  if (index === undefined) {
    const own = workflowRange('actor', after.id);
    return isDescending ? { from: range.from, to: own.from } : { from: own.to, to: range.to };
  }
  const key = positionKey(index, after);
  return isDescending ? { from: range.from, to: key } : { from: successorOf(key), to: range.to };
}

interface Walk {
  readonly source: Source;
  readonly isMissing: IsMissing;
  /** Workflows to look at. */
  readonly max: number;
  readonly page: number;
}

interface Walked {
  /** Nothing is behind the last one. */
  readonly isEnd: boolean;
  readonly last: IndexRow | undefined;
}

/** Until `visit` has had enough. */
async function walk(reader: DatabaseReader, codec: Codec, way: Walk, visit: (found: ListedWorkflow) => boolean): Promise<Walked> {
  const { source, isMissing, max, page } = way;
  let last: IndexRow | undefined;
  let seen = 0;
  for (let { range } = source; ;) {
    const { rows, rest } = await readPage(reader, codec, { ...source, range }, Math.min(page, max - seen));
    const found = await Promise.all(rows.map(async (row) => readListed(reader, codec, source.index, row, isMissing)));
    for (const [at, workflow] of found.entries()) {
      last = rows[at];
      if (workflow !== undefined && !visit(workflow)) return { isEnd: at === rows.length - 1 && rest === undefined, last };
    }
    seen += rows.length;
    if (rest === undefined) return { isEnd: true, last };
    if (seen >= max) return { isEnd: false, last };
    range = rest;
  }
}

/** From what is kept counted where that says it, from the narrowest index otherwise. @throws PerdureError `INDEX_DAMAGED` */
export async function readCount(reader: DatabaseReader, codec: Codec, query: CountQuery): Promise<CountAnswer> {
  await checkKept(reader, codec);
  const { filter, groupBy } = query;
  const names = groupBy === undefined ? Object.keys(filter) : [...Object.keys(filter), groupBy];
  const isOf = (...known: readonly string[]): boolean => names.every((name) => known.includes(name));
  if (isOf('status', 'machine', 'version')) return countStatuses(reader, codec, query);
  if (isOf('state', 'machine')) return countStates(reader, codec, query);
  if (names.includes('failureClass') && isOf('failureClass', 'status', 'closed')) return countFailures(reader, codec, query);
  return countOneByOne(reader, codec, query);
}

async function countStatuses(reader: DatabaseReader, codec: Codec, { filter, groupBy, isMissing }: CountQuery): Promise<CountAnswer> {
  const counts = new Map<string, number>();
  const { statuses } = await readStanding(reader, codec);
  for (const { name, n } of statuses) {
    const [, machine, version, stored] = name;
    const status = statusShown(stored as WorkflowStatus, machine, version, isMissing);
    if (filter.status?.includes(status) === false) continue;
    if ((filter.machine ?? machine) !== machine || (filter.version ?? version) !== version) continue;
    for (const group of groupsOf(shownAs({ status, machine, version }), groupBy)) addTo(counts, group, n);
  }
  return { counts, exact: true };
}

async function countStates(reader: DatabaseReader, codec: Codec, { filter, groupBy }: CountQuery): Promise<CountAnswer> {
  const counts = new Map<string, number>();
  const { states } = await readStanding(reader, codec);
  for (const { name, n } of states) {
    const [, machine, text] = name;
    const leaves = JSON.parse(text) as readonly string[];
    if ((filter.machine ?? machine) !== machine) continue;
    if (filter.state !== undefined && !isInState(leaves, filter.state)) continue;
    const groups = groupBy === 'state' ? leaves : groupsOf(shownAs({ status: 'running', machine, version: '' }), groupBy);
    for (const group of groups) addTo(counts, group, n);
  }
  return { counts, exact: true };
}

/** Of what could not be read when the counts were made anew no machine is known. */
function shownAs(counted: { readonly status: WorkflowStatus; readonly machine: string; readonly version: string }): ListedWorkflow {
  const { status, machine, version } = counted;
  return { id: '', run: 0, status, ...(machine === '' ? {} : { machine: { id: machine, version } }) };
}

/** Whole minutes from what is counted of them, their edges one by one. */
async function countFailures(reader: DatabaseReader, codec: Codec, query: CountQuery): Promise<CountAnswer> {
  const { filter, groupBy } = query;
  const { fromMs = 0, toMs = Infinity } = filter.closed ?? {};
  const first = Math.ceil(momentOf(fromMs) / minuteMs);
  const end = toMs === Infinity ? Infinity : Math.floor(momentOf(toMs) / minuteMs);
  if (first >= end) return countOneByOne(reader, codec, query);
  const perMinute = minuteMs / secondMs;
  const [failures, failed] = await Promise.all([
    readCounts(reader, codec, 'failure', countRangeOf('failure', first, end), limits.countScanMax),
    readCounts(reader, codec, 'failed', countRangeOf('failed', first * perMinute, end * perMinute), limits.countScanMax),
  ]);
  const isWhole = failures.isWhole && failed.isWhole;
  if (isWhole && sumOf(failures.rows) !== sumOf(failed.rows)) {
    throw indexDamaged('not as many workflows are counted by the class of their failure as by the second of it');
  }
  const counts = new Map<string, number>();
  for (const { name, n } of failures.rows) {
    const failureClass = JSON.parse(name[3]) as string;
    const status = name[2] as WorkflowStatus;
    if (filter.status?.includes(status) === false || (filter.failureClass ?? failureClass) !== failureClass) continue;
    for (const group of groupsOf({ id: '', run: 0, status, failureClass }, groupBy)) addTo(counts, group, n);
  }
  const edges: Moments[] = [
    { fromMs, toMs: first * minuteMs },
    { fromMs: end * minuteMs, toMs },
  ];
  let exact = isWhole;
  for (const closed of edges.filter((edge) => Number(edge.fromMs) < Number(edge.toMs))) {
    const found = await countOneByOne(reader, codec, { ...query, filter: { ...filter, closed } });
    for (const [group, n] of found.counts) addTo(counts, group, n);
    exact &&= found.exact;
  }
  return { counts, exact };
}

async function countOneByOne(reader: DatabaseReader, codec: Codec, { filter, groupBy, isMissing }: CountQuery): Promise<CountAnswer> {
  const counts = new Map<string, number>();
  const index = narrowest(filter, groupBy);
  const source = { ...(index === undefined ? {} : { index }), range: rangeOf(index, filter), isDescending: false };
  const walked = await walk(reader, codec, { source, isMissing, max: limits.countScanMax, page: pageRows }, (found) => {
    if (matchesFilter(found, filter)) for (const group of groupsOf(found, groupBy)) addTo(counts, group, 1);
    return true;
  });
  if (index !== undefined) {
    const { fromMs = 0, toMs = Infinity } = filter[index] ?? {};
    await checkIndex(reader, codec, index, fromMs, walked.isEnd ? toMs : (walked.last?.atMs ?? fromMs));
  }
  return { counts, exact: walked.isEnd };
}

/** Where fewest workflows have to be looked at; undefined: among the ids. */
function narrowest(
  { idPrefix, closed, started, failureClass, status }: CheckedFilter,
  groupBy: CountQuery['groupBy'],
): IndexName | undefined {
  if (idPrefix !== undefined) return undefined;
  if (closed !== undefined || failureClass !== undefined || groupBy === 'failureClass') return 'closed';
  return started === undefined && status?.every(isClosed) === true ? 'closed' : 'started';
}
