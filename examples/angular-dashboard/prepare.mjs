// Makes dist/: installs what the app needs where that is not there or not the same any more, and builds. The packages of this
// repository must be built before.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('.', import.meta.url))
const packages = ['core', 'transports']

/** What must be installed anew where it is another: the lockfile, and what the packages want of others. */
function wanted() {
  const hash = createHash('sha256').update(readFileSync(join(folder, 'package-lock.json')))
  for (const name of packages) hash.update(readFileSync(join(folder, '../../packages', name, 'package.json')))
  return hash.digest('hex')
}

function run(program, ...args) {
  const shell = process.platform === 'win32'
  execFileSync(program, args, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'], shell })
}

const stamp = join(folder, 'node_modules/.installed')
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted()) {
  console.log('Installing Angular and what else the dashboard needs.')
  run('npm', 'ci', '--no-audit', '--loglevel=error')
  writeFileSync(stamp, wanted())
}
// The app has copies of the packages, which are made when they are installed: they are kept as new as the packages.
for (const name of packages) {
  const copy = join(folder, 'node_modules/@rxmqtt', name, 'dist')
  rmSync(copy, { recursive: true, force: true })
  cpSync(join(folder, '../../packages', name, 'dist'), copy, { recursive: true })
}
run(process.execPath, join(folder, 'node_modules/@angular/cli/bin/ng.js'), 'build')
