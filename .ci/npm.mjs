/** How to start npm: the one that runs this script if there is one, so that versions agree. Needs only Node. */
export function npmCommand(args) {
  const running = process.env.npm_execpath;
  if (running !== undefined && /npm-cli\.[cm]?js$/.test(running)) return { file: process.execPath, args: [running, ...args], shell: false };
  return { file: 'npm', args, shell: process.platform === 'win32' };
}
