/** The hosts that claim the contract. */
import { onTestFinished } from 'vitest';
import { temporaryFolder } from '../storage/folders.ts';
import type { BackendName, ContractHost } from './contract-host.ts';
import { Documents, harmDisk, idsOn } from './documents.ts';
import { createLevelHost, createMemoryHost } from './local-hosts.ts';
import { SecondHost } from './second-host.ts';
import { seededRandom } from './seeded-random.ts';
import { SimulatedHost } from './simulated-host.ts';

/** A new host on an empty disk; it is gone after the test that asked for it. */
export async function createHost(name: BackendName): Promise<ContractHost> {
  const host = await make(name);
  onTestFinished(() => host.crash());
  return host;
}

async function make(name: BackendName): Promise<ContractHost> {
  switch (name) {
    case 'local on memory':
      return createMemoryHost();
    case 'local on LevelDB':
      return createLevelHost(await temporaryFolder());
    case 'second host':
      return createSecondHost();
  }
}

function createSecondHost(): ContractHost {
  const disk = new Map<string, string>();
  return new SimulatedHost({
    async open(life, clock, registry) {
      const host = new SecondHost({ documents: new Documents(disk, life), clock, registry, random: seededRandom(7) });
      return { runtime: await host.recover(), letGo: () => Promise.resolve() };
    },
    stored: () => Promise.resolve(JSON.stringify([...disk])),
    storedIds: () => Promise.resolve(idsOn(disk)),
    harm: (id, harm) => {
      harmDisk(disk, id, harm);
      return Promise.resolve();
    },
  });
}
