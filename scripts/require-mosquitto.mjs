// Jest's global set-up for the interop specs: they need mosquitto and its two clients.
import { spawnSync } from 'node:child_process'

export default () => {
  // Debian puts the broker where ordinary users don't look for programs.
  process.env.PATH = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin`
  const missing = ['mosquitto', 'mosquitto_pub', 'mosquitto_sub'].filter(
    (program) => spawnSync(program, ['--help'], { stdio: 'ignore' }).error !== undefined,
  )
  if (missing.length > 0) {
    throw new Error(`${missing.join(', ')} not found: on Debian run \`apt-get install mosquitto mosquitto-clients\``)
  }
}
