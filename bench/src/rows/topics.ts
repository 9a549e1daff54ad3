import { Child } from '../child.js'
import { type Effort, interleave, type Speed } from '../measure.js'
import { rate, type Row } from '../row.js'
import type { TopicSubject } from '../topic-subject.js'
import { filters, topics } from '../topics.js'
import { versus } from './receive.js'

/** A matching tree of 100,000 filters, which topics find the values of all that match them. */
export async function topicRows(effort: Effort): Promise<Row[]> {
  const { milliseconds } = effort
  const [ours, theirs] = [subject('rxmqtt'), subject('qlobber')]
  try {
    const [filled, filledTheirs] = [await ours.call('fill', undefined), await theirs.call('fill', undefined)]
    const mean = check(await ours.call('found', undefined), await theirs.call('found', undefined))
    const rounds = await interleave<Speed>(
      {
        rxmqtt: () => ours.call('match', { milliseconds }),
        qlobber: () => theirs.call('match', { milliseconds }),
      },
      effort,
    )
    const what = `${filters.length.toLocaleString('en')} topic filters`
    const row = versus(`${what}, match`, rounds, 'rxmqtt', 'qlobber', 0.7)
    return [
      { ...row, detail: `${row.detail}, ${mean.toFixed(1)} values a topic` },
      {
        what: `${what}, heap of each`,
        against: '',
        figure: filled.heap,
        unit: 'B',
        detail: `qlobber: ${filledTheirs.heap.toFixed(0)} B`,
      },
      {
        what: `${what}, add`,
        against: 'qlobber',
        figure: filled.perSecond / filledTheirs.perSecond,
        unit: '×',
        detail: `${rate(filled.perSecond)} : ${rate(filledTheirs.perSecond)}`,
      },
    ]
  } finally {
    ours.stop()
    theirs.stop()
  }
}

function subject(library: string): Child<TopicSubject> {
  return new Child<TopicSubject>('./topic-subject.js', [library], ['--expose-gc'])
}

/** Both must find the same for every topic, before either is measured; returns the values that a topic finds. */
function check(ours: Found, theirs: Found): number {
  let values = 0
  for (const [topic, [count, sum]] of ours.entries()) {
    const [countTheirs, sumTheirs] = theirs[topic]!
    if (count !== countTheirs || sum !== sumTheirs) {
      throw new Error(
        `${topics[topic]}: rxmqtt found ${count} values, qlobber ${countTheirs}, sums ${sum}, ${sumTheirs}`,
      )
    }
    values += count
  }
  return values / topics.length
}

type Found = readonly (readonly [number, number])[]
