// Keeps one report of the public API for each door in .ci/api, so that a change of it is seen in review.
// `node .ci/check-api.mjs` fails when dist/ says something else than the reports; `--update` writes them anew.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';

const root = resolve(fileURLToPath(import.meta.url), '../..');
const reportFolder = join(root, '.ci/api');
const doors = ['index', 'authoring'];
const isUpdate = process.argv.includes('--update');

const silent = { logLevel: ExtractorLogLevel.None };

function configFor(door, tempFolder) {
  return ExtractorConfig.prepare({
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: join(root, 'dist', `${door}.d.ts`),
      newlineKind: 'lf',
      compiler: {
        overrideTsconfig: {
          compilerOptions: { module: 'nodenext', target: 'es2022', lib: ['es2023'], types: ['node'], strict: true, skipLibCheck: true },
          files: [join(root, 'dist', `${door}.d.ts`)],
        },
      },
      apiReport: { enabled: true, reportFileName: `${door}.api.md`, reportFolder, reportTempFolder: tempFolder },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
        extractorMessageReporting: {
          default: { logLevel: ExtractorLogLevel.Warning, addToApiReportFile: true },
          'ae-missing-release-tag': silent,
          'ae-undocumented': silent,
        },
        tsdocMessageReporting: { default: silent },
      },
    },
    configObjectFullPath: join(root, 'api-extractor.json'),
    packageJsonFullPath: join(root, 'package.json'),
  });
}

/** What stands in the way of this door's report, as lines to print. */
function check(door, tempFolder) {
  const problems = [];
  const result = Extractor.invoke(configFor(door, tempFolder), {
    localBuild: isUpdate,
    messageCallback(message) {
      message.handled = true;
      const isReport = message.messageId === 'console-api-report-not-copied' || message.messageId === 'console-api-report-created';
      if (message.logLevel === ExtractorLogLevel.Error && !isReport) problems.push(message.text);
    },
  });
  if (result.apiReportChanged && !isUpdate) {
    problems.push(`The API of ${door} changed. If that is meant, run "npm run api:update", and commit .ci/api/${door}.api.md.`);
  }
  return problems;
}

mkdirSync(reportFolder, { recursive: true });
const tempFolder = mkdtempSync(join(tmpdir(), 'perdure-api-'));
try {
  const problems = doors.flatMap((door) => check(door, tempFolder));
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
} finally {
  rmSync(tempFolder, { recursive: true, force: true });
}
