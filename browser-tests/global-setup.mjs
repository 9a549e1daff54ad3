// Jest's global set-up for the specs in browsers: they need a chromium and mosquitto on this machine.
import { existsSync } from 'node:fs'
import { spawnSync } from 'node:child_process'

export default () => {
  // Debian puts the broker where ordinary users don't look for programs.
  process.env.PATH = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin`
  const missing = []
  if (spawnSync('mosquitto', ['--help'], { stdio: 'ignore' }).error !== undefined) missing.push('mosquitto')
  if (!existsSync(process.env.CHROMIUM ?? '/usr/bin/chromium')) missing.push('chromium')
  if (missing.length > 0) {
    throw new Error(`${missing.join(', ')} not found: on Debian run \`apt-get install ${missing.join(' ')}\``)
  }
}
