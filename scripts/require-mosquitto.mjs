// Jest's global set-up for the interop specs: they need mosquitto and its two clients, and paho for Debian's Python.
import { spawnSync } from 'node:child_process'

export default () => {
  // Debian puts the broker where ordinary users don't look for programs.
  process.env.PATH = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin`
  const missing = ['mosquitto', 'mosquitto_pub', 'mosquitto_sub'].filter(
    (program) => spawnSync(program, ['--help'], { stdio: 'ignore' }).error !== undefined,
  )
  const paho = spawnSync('/usr/bin/python3', ['-c', 'import paho.mqtt.client'], { stdio: 'ignore' })
  if (paho.status !== 0) missing.push('paho for /usr/bin/python3')
  if (missing.length > 0) {
    const packages = 'mosquitto mosquitto-clients python3-paho-mqtt'
    throw new Error(`${missing.join(', ')} not found: on Debian run \`apt-get install ${packages}\``)
  }
}
