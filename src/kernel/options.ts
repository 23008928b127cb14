/** Options at the public doors: a misspelt one must not be passed over as if it had never been given. */
import { limits } from './limits.ts';
import { formatValue } from './value-encoding.ts';

/** Every option there is: the compiler sees to it that none is forgotten. */
export type OptionNames<Options> = { readonly [Name in keyof Options]-?: true };

/**
 * Refuses what is no object of options, and options that do not exist. One whose value is undefined is not given.
 *
 * @param place names the door in the message
 * @param example what to give instead of what is no object; default: the names of all options
 * @throws TypeError naming the place, the option and the options there are
 */
export function checkOptions<Options>(options: unknown, place: string, known: OptionNames<Options>, example?: string): void {
  const names = Object.keys(known);
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    const wanted = `give an object of options such as ${example ?? `{ ${names.join(', ')} }`}`;
    throw new TypeError(`${place}: ${wanted}; found ${formatValue(options)}.`);
  }
  const unknown = Object.keys(options).find((name) => !names.includes(name) && (options as Record<string, unknown>)[name] !== undefined);
  if (unknown === undefined) return;
  const distanceOf = (name: string): number => Math.abs(name.length - unknown.length);
  const [meant] = names.filter((name) => isLike(unknown, name)).sort((a, b) => distanceOf(a) - distanceOf(b));
  const remedy = meant === undefined ? '' : ` Did you mean ${meant}?`;
  throw new TypeError(`${place}: there is no option ${formatValue(unknown)}.${remedy} Known: ${names.join(', ')}.`);
}

/** Whether letters left out or put in, of whatever case, make one name of the other: `maxAttempts`, `messageID`, `graceMs`. */
function isLike(left: string, right: string): boolean {
  const [short, long] = [left.toLowerCase(), right.toLowerCase()].sort((a, b) => a.length - b.length) as [string, string];
  let found = 0;
  for (const letter of long) if (letter === short[found]) found += 1;
  return found === short.length;
}

/** @throws TypeError if what a person gave to say who or why is no text, or a long one: it is journaled */
export function checkTexts(door: string, texts: { readonly [name: string]: unknown }): void {
  for (const [name, text] of Object.entries(texts)) {
    if (text === undefined || (typeof text === 'string' && text.length <= limits.actTextMax)) continue;
    const found = typeof text === 'string' ? `${text.length} characters` : typeof text;
    throw new TypeError(`${door}: ${name} must be text of at most ${limits.actTextMax} characters; found ${found}.`);
  }
}
