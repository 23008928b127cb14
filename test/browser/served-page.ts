/** The page of this folder, bundled for browsers as an app would bundle it, and served on loopback. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { build } from 'esbuild';

export interface ServedPage {
  readonly origin: string;
  /** Files of the bundle, relative to the project. */
  readonly files: readonly string[];
  close(): Promise<void>;
}

export async function servePage(): Promise<ServedPage> {
  const { outputFiles, metafile } = await build({
    entryPoints: [join(import.meta.dirname, 'page/page.ts')],
    absWorkingDir: join(import.meta.dirname, '../..'),
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    // `browser` as every bundler for browsers has it; the other one takes the sources instead of a build.
    conditions: ['perdure-source', 'browser'],
  });
  const script = outputFiles.map(({ text }) => text).join('\n');
  const html = '<!doctype html><meta charset="utf-8"><title>Onboarding</title><body><script type="module" src="/page.js"></script>';
  const server = createServer((request, response) => {
    const isScript = request.url === '/page.js';
    response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' }).end(isScript ? script : html);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    files: Object.keys(metafile.inputs),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
