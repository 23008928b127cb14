// Makes node_modules match package-lock.json, so that `npm test` works right after a clone. Needs only Node and npm.
//
// 1. A stamp inside node_modules says for which lock file, Node and machine it was installed. It is removed before an
//    install and written after it, so an install that was cut short is never taken for a whole one.
// 2. Only the holder of the lock folder installs. The folder appears with its owner file in one rename, so a lock without
//    an owner cannot be seen. An owner is gone when neither it nor its npm is alive.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { npmCommand } from './npm.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../..');
const lockFile = join(root, 'package-lock.json');
const modules = join(root, 'node_modules');
const stamp = join(modules, '.perdure-install');
const lock = join(root, '.install-lock');
const lockOwner = join(lock, 'owner');
const waitMaxMs = 15 * 60_000;

class InstallError extends Error {}

function requireNode() {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const wanted = engines.node.replace('>=', '').split('.').map(Number);
  const actual = process.versions.node.split('.').map(Number);
  const difference = wanted.map((part, index) => actual[index] - part).find((part) => part !== 0) ?? 0;
  if (difference < 0) {
    throw new InstallError(
      `Perdure needs Node ${engines.node}, and this is Node ${process.versions.node}. Install a newer Node, then run the command again.`,
    );
  }
}

function fingerprint() {
  if (!existsSync(lockFile)) {
    throw new InstallError('package-lock.json is missing. Restore it with "git checkout package-lock.json", then run the command again.');
  }
  const hash = createHash('sha256').update(readFileSync(lockFile)).digest('hex');
  return `${hash} node${process.versions.node.split('.')[0]} ${process.platform}-${process.arch}\n`;
}

function readOrUndefined(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Why an install is needed, or undefined when node_modules is as it should be. */
function staleness(wanted) {
  if (!existsSync(modules)) return 'node_modules is missing';
  const found = readOrUndefined(stamp);
  if (found === wanted) return undefined;
  if (found === undefined) return 'node_modules was not installed to its end by this script';
  return found.split(' ')[0] === wanted.split(' ')[0] ? 'Node or the machine changed' : 'package-lock.json changed';
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    // In a container nobody may bury a dead process: it answers, and does nothing any more.
    return !/\) [ZX] /.test(readOrUndefined(`/proc/${pid}/stat`) ?? '');
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function tryLock() {
  const candidate = mkdtempSync(`${lock}-`);
  writeFileSync(join(candidate, 'owner'), `${process.pid}`);
  try {
    renameSync(candidate, lock);
    return true;
  } catch {
    rmSync(candidate, { recursive: true, force: true });
    return false;
  }
}

/** Takes over from an owner that is gone. The folder named after that owner lets exactly one waiter do it. */
function tryTakeOver(owner) {
  const claim = join(lock, `after-${owner.replaceAll(' ', '-')}`);
  try {
    mkdirSync(claim);
  } catch {
    return false;
  }
  if (readOrUndefined(lockOwner) !== owner) {
    rmSync(claim, { recursive: true, force: true });
    return false;
  }
  writeOwner(`${process.pid}`);
  return true;
}

function writeOwner(owner) {
  const next = `${lockOwner}.${process.pid}`;
  writeFileSync(next, owner);
  renameSync(next, lockOwner);
}

async function acquireLock() {
  const startedAtMs = Date.now();
  let isAnnounced = false;
  while (!tryLock()) {
    const owner = readOrUndefined(lockOwner);
    if (owner !== undefined && !owner.split(' ').map(Number).some(isAlive) && tryTakeOver(owner)) return;
    if (owner !== undefined && !isAnnounced) {
      console.log(`Waiting for the install that process ${owner.split(' ')[0]} runs in this folder.`);
      isAnnounced = true;
    }
    if (Date.now() - startedAtMs > waitMaxMs) {
      throw new InstallError(`Another install still holds ${lock}. If none is running, remove that folder and run the command again.`);
    }
    await new Promise((done) => setTimeout(done, 200));
  }
}

function runNpm() {
  const { file, args, shell } = npmCommand(['ci', '--include=dev', '--no-audit', '--no-fund']);
  return new Promise((done) => {
    const child = spawn(file, args, { cwd: root, shell, stdio: ['ignore', 'pipe', 'pipe'] });
    // An npm that outlives this process still owns the folder.
    if (child.pid !== undefined) writeOwner(`${process.pid} ${child.pid}`);
    let output = '';
    const collect = (chunk) => (output += chunk);
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    const stop = (signal) => child.kill(signal);
    process.on('SIGINT', stop).on('SIGTERM', stop);
    child.on('error', (error) => done({ output: `${error.message}\n`, isDone: false }));
    child.on('close', (code) => done({ output, isDone: code === 0 }));
  });
}

function remedyFor(output) {
  if (output.includes('in sync')) return 'package.json and package-lock.json disagree: run "npm install" and commit package-lock.json.';
  if (output.includes('ENOENT') && output.includes('npm')) return 'npm was not found: install Node together with npm.';
  if (/EACCES|EPERM/.test(output)) return 'A file could not be written: check who owns this folder and node_modules.';
  if (output.includes('ENOSPC')) return 'The disk is full: free some space.';
  if (/ENOTFOUND|ECONN|ETIMEDOUT|EAI_AGAIN|network/.test(output)) return 'The package registry did not answer: check the network.';
  return 'Read what npm says above, then run the command again.';
}

/** `npm ci` empties node_modules first, and through a link that is somebody else's. */
function refuseLink() {
  if (!lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink()) return;
  throw new InstallError(
    `node_modules is a symbolic link to ${readlinkSync(modules)}, which an install would empty. Remove the link, then run the command again.`,
  );
}

async function install(reason, wanted) {
  refuseLink();
  console.log(`Installing dependencies with "npm ci": ${reason}.`);
  const startedAtMs = Date.now();
  rmSync(stamp, { force: true });
  const { output, isDone } = await runNpm();
  if (!isDone) throw new InstallError(`${output.trimEnd()}\n\nnpm ci failed. ${remedyFor(output)}`);
  writeFileSync(stamp, wanted);
  console.log(`Installed dependencies in ${((Date.now() - startedAtMs) / 1000).toFixed(1)} s.`);
}

async function main() {
  requireNode();
  const wanted = fingerprint();
  if (staleness(wanted) === undefined && !existsSync(lock)) return;
  await acquireLock();
  try {
    const reason = staleness(wanted);
    if (reason !== undefined) await install(reason, wanted);
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof InstallError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
