/** Declares the cases of one file against every backend that holds them, and checks in the end that these were all. */
import { describe, expect, it, vi } from 'vitest';
import { createHost } from '../support/backends.ts';
import type { BackendName, ContractHost } from '../support/contract-host.ts';
import { backendNames } from '../support/contract-host.ts';
import type { CaseNumber, GroupName } from './matrix.ts';
import { cannotHold, cases, claimsNotHeld, groups } from './matrix.ts';

type Check = (host: ContractHost) => Promise<void>;
/** The claims a case's sentence makes, each tested on its own. */
type Claims = Readonly<Record<string, Check>>;

interface Group {
  readonly backend: BackendName;
  /** A case, titled with its number and its sentence. */
  readonly contractCase: (number: CaseNumber, claims: Claims | Check) => void;
  /** What follows from the contract without having a number. */
  readonly everywhere: (title: string, check: Check) => void;
}

export function contractGroup(name: GroupName, declare: (group: Group) => void): void {
  const expected = backendNames.flatMap((backend) =>
    groups[name].filter((number) => isHeld(number, backend)).map((number) => `${number} on ${backend}`),
  );
  const executed = new Set<string>();

  // Directories and processes take their time on a busy machine; nothing here depends on how long.
  vi.setConfig({ testTimeout: 60_000 });
  // A file without numbered cases is run everywhere.
  const numbers: readonly CaseNumber[] = groups[name];
  const able = backendNames.filter((backend) => numbers.length === 0 || numbers.some((number) => isHeld(number, backend)));
  describe.each(able)('%s', (backend) => {
    const run = async (check: Check): Promise<void> => check(await createHost(backend));
    const contractCase: Group['contractCase'] = (number, claims) => {
      if (!isHeld(number, backend)) return;
      const title = `${number}. ${cases[number]}`;
      const runCase = async (check: Check): Promise<void> => {
        executed.add(`${number} on ${backend}`);
        await run(check);
      };
      if (typeof claims === 'function') {
        it(title, () => runCase(claims));
        return;
      }
      const gaps = claimsNotHeld.filter((gap) => gap.number === number && gap.backend === backend).map((gap) => gap.claim);
      const unknown = gaps.filter((claim) => !Object.hasOwn(claims, claim));
      if (unknown.length > 0) throw new TypeError(`The matrix names claims that case ${number} does not make: ${unknown.join('; ')}`);
      describe(title, () => {
        for (const [claim, check] of Object.entries(claims)) if (!gaps.includes(claim)) it(claim, () => runCase(check));
      });
    };
    declare({ backend, contractCase, everywhere: (title, check) => it(title, () => run(check)) });
  });

  it('ran the cases that the matrix says, all of them and no other', () => {
    expect([...executed].sort()).toEqual([...expected].sort());
  });
}

function isHeld(number: CaseNumber, backend: BackendName): boolean {
  return !cannotHold.some((gap) => gap.number === number && gap.backend === backend);
}
