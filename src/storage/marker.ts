/**
 * `perdure.json` says that a store was created here, which, and in what format. It is written after the database was opened
 * for the first time, so: without it nothing was ever acknowledged here; with it a database must be there.
 */
import { PerdureError } from '../kernel/errors.ts';
import { storeDamaged } from './damage.ts';
import { readTextIfPresent, replaceFile, storePaths } from './files.ts';

/** The format this version writes, and the newest it reads. */
export const storeFormat = 1;

export interface Marker {
  /** Goes into the checksum of every record. */
  readonly storeId: string;
  readonly format: number;
  /** Grows when the store is put back to an earlier state, from 1. */
  readonly epoch: number;
}

/**
 * @throws PerdureError `STORE_FORMAT_UNSUPPORTED` if a newer version of Perdure wrote it, `STORE_DAMAGED` if it is no marker
 */
export async function readMarker(directory: string): Promise<Marker | undefined> {
  const text = await readTextIfPresent(storePaths(directory).marker);
  if (text === undefined) return undefined;
  const { storeId, format, epoch } = parse(directory, text);
  // Before anything else: a newer format may say the rest in another way.
  if (isCount(format) && format > storeFormat) {
    const sentence = `The store at ${directory} has format ${format}; this version of Perdure reads up to ${storeFormat}. Open it with the version that wrote it.`;
    throw new PerdureError('STORE_FORMAT_UNSUPPORTED', sentence, { path: directory, format, supported: storeFormat });
  }
  if (!isCount(format) || !isCount(epoch) || typeof storeId !== 'string' || storeId === '') {
    throw storeDamaged(directory, 'its perdure.json does not say which store it is');
  }
  return { storeId, format, epoch };
}

export async function writeMarker(directory: string, marker: Marker): Promise<void> {
  await replaceFile(storePaths(directory).marker, `${JSON.stringify(marker)}\n`);
}

function parse(directory: string, text: string): { readonly [key: string]: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return { ...value };
  } catch (error) {
    throw storeDamaged(directory, 'its perdure.json is no JSON text', error);
  }
  throw storeDamaged(directory, 'its perdure.json is no JSON object');
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1;
}
