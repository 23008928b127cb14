/** How much of it is done, and how to do the same again. */

/** `PERDURE_SOAK=1` runs the large sizes. */
export const isSoak: boolean = process.env['PERDURE_SOAK'] === '1';

/** `PERDURE_SEED=7` repeats a run. */
export const seed: number = Number(process.env['PERDURE_SEED'] ?? 1);

/** The command that repeats a test with this seed. */
export function replayOf(file: string, what = ''): string {
  const soak = isSoak ? 'PERDURE_SOAK=1 ' : '';
  return `seed ${seed}${what === '' ? '' : `, ${what}`}; to repeat it: ${soak}PERDURE_SEED=${seed} npm test -- ${file}`;
}
