import { MqttError, type MqttErrorCode } from '@rxmqtt/core'
import { problemOf } from './problem.js'

const there = { wasOpen: true, isOnline: true }
const away = { wasOpen: false, isOnline: true }

describe('problemOf', () => {
  it.each<[MqttErrorCode, number | undefined, typeof there, string, boolean]>([
    ['refused', 0x86, there, 'refused: The user name or the password is wrong.', true],
    ['refused', 0x88, there, 'refused: It is not available now.', false],
    ['refused', 0x80, there, 'refused: as it was', true],
    ['disconnected', 0x8b, there, 'lost: The server is shutting down.', false],
    ['disconnected', 0x8e, there, 'lost: Another client has connected with this client id.', true],
    ['timeout', undefined, there, 'timeout: It is there, but it does not answer.', false],
    ['timeout', undefined, away, 'timeout: It could not be reached in time.', false],
    ['transport', undefined, away, 'unreachable: It may be down, or the address may be wrong.', false],
    ['transport', undefined, there, 'lost: as it was', false],
    ['invalid-option', undefined, away, 'unreachable: as it was', true],
    [
      'transport',
      undefined,
      { wasOpen: true, isOnline: false },
      'offline: This device has no network. The connection comes back with it.',
      false,
    ],
    ['refused', 0x87, { wasOpen: true, isOnline: false }, 'refused: This client is not allowed to connect.', true],
  ])('%s %s: what it means, and whether another attempt makes sense', (code, reasonCode, how, expected, isFinal) => {
    const problem = problemOf(new MqttError(code, 'as it was', { reasonCode }), how)
    expect({ told: `${problem.kind}: ${problem.text}`, isFinal: problem.isFinal }).toEqual({ told: expected, isFinal })
  })
})
