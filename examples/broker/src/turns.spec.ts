import { Turns } from './turns.js'

let turns: Turns
let steps: string[]
beforeEach(() => {
  turns = new Turns()
  steps = []
})

/** A call that says when it begins, and ends when it is told to. */
function call(name: string): { run: () => Promise<void>; end: (error?: Error) => Promise<void> } {
  let settle: (error?: Error) => void
  const done = new Promise<void>((resolve, reject) => {
    settle = (error) => (error === undefined ? resolve() : reject(error))
  })
  const run = (): Promise<void> => {
    steps.push(name)
    return done
  }
  const end = (error?: Error): Promise<void> => {
    settle(error)
    return new Promise((resolve) => setImmediate(resolve))
  }
  return { run, end }
}

test('calls run at once, side by side', () => {
  const [a, b, c] = ['a', 'b', 'c'].map(call)
  void turns.beside('x', a!.run)
  void turns.beside('x', b!.run)
  void turns.alone('y', c!.run)
  expect(steps).toEqual(['a', 'b', 'c'])
})

test('what runs alone waits for all before it, and all after it wait, however they end', async () => {
  const [a, b, alone, c, d] = ['a', 'b', 'alone', 'c', 'd'].map(call)
  const failed = turns.beside('x', a!.run)
  void turns.beside('x', b!.run)
  const lost = turns.alone('x', alone!.run)
  void turns.beside('x', c!.run)
  void turns.alone('x', d!.run)
  expect(steps).toEqual(['a', 'b'])
  const told = expect(failed).rejects.toThrow('no a')
  await a!.end(new Error('no a'))
  expect(steps).toEqual(['a', 'b'])
  await b!.end()
  expect(steps).toEqual(['a', 'b', 'alone'])
  const lostTold = expect(lost).rejects.toThrow('no alone')
  await alone!.end(new Error('no alone'))
  expect(steps).toEqual(['a', 'b', 'alone', 'c'])
  await c!.end()
  expect(steps).toEqual(['a', 'b', 'alone', 'c', 'd'])
  await told
  await lostTold
})

test('it is idle when nothing runs or waits, nor has begun meanwhile', async () => {
  await turns.idle()
  const [a, b, c] = ['a', 'b', 'c'].map(call)
  void turns.beside('x', a!.run)
  void turns.alone('x', b!.run)
  const idle = turns.idle().then(() => steps.push('idle'))
  await a!.end()
  void turns.beside('y', c!.run)
  await b!.end()
  expect(steps).toEqual(['a', 'b', 'c'])
  await c!.end()
  await idle
  expect(steps).toEqual(['a', 'b', 'c', 'idle'])
})
