import { quoteForTerminal } from './terminal-text.ts';

/** How many problems of one file are described; further ones are only counted. */
export const MAX_SHOWN_PROBLEMS = 20;

/** One thing wrong with an input file. The texts are safe to print on a terminal. */
export interface InputProblem {
  /** Line of the file, from 1; undefined when the problem is the file as a whole. */
  readonly line: number | undefined;
  /** What is wrong, without a full stop. */
  readonly reason: string;
  /** What the reader can do about it: a sentence. */
  readonly remedy: string;
}

function describe(problem: InputProblem): string {
  const place = problem.line === undefined ? '' : `line ${problem.line}: `;
  return `  ${place}${problem.reason}. ${problem.remedy}`;
}

/**
 * An input file cannot be used. The message names the file and lists up to
 * {@link MAX_SHOWN_PROBLEMS} problems, one a line, each with its line number, reason and remedy; it
 * is ready to print on a terminal.
 */
export class InputFileError extends Error {
  override readonly name = 'InputFileError';
  /** The path as it was given (not escaped). */
  readonly path: string;
  /** The problems described in the message, in the order of the file. */
  readonly problems: readonly InputProblem[];
  /** How many more problems there are than the ones described. */
  readonly omitted: number;

  constructor(path: string, what: string, problems: readonly InputProblem[], omitted = 0, options?: ErrorOptions) {
    const total = problems.length + omitted;
    const head = `The ${what} ${quoteForTerminal(path, 200)} cannot be used: ${total} ${total === 1 ? 'problem' : 'problems'}.`;
    const tail = omitted > 0 ? [`  … and ${omitted} more.`] : [];
    super([head, ...problems.map(describe), ...tail].join('\n'), options);
    this.path = path;
    this.problems = problems;
    this.omitted = omitted;
  }
}

/** Collects the problems of one file while it is read, keeping only the first few. */
export class ProblemList {
  readonly #path: string;
  readonly #what: string;
  readonly #problems: InputProblem[] = [];
  #count = 0;

  /** `what` is the kind of the file as the message calls it, such as `merchants file`. */
  constructor(path: string, what: string) {
    this.#path = path;
    this.#what = what;
  }

  /** Notes a problem. Values inside the texts must have gone through `quoteForTerminal`. */
  add(line: number | undefined, reason: string, remedy: string): void {
    this.#count += 1;
    if (this.#problems.length < MAX_SHOWN_PROBLEMS) this.#problems.push({ line, reason, remedy });
  }

  /** The error that describes everything noted so far. */
  toError(options?: ErrorOptions): InputFileError {
    return new InputFileError(this.#path, this.#what, this.#problems, this.#count - this.#problems.length, options);
  }

  /** Throws {@link InputFileError} if anything was noted. */
  throwIfAny(): void {
    if (this.#count > 0) throw this.toError();
  }
}
