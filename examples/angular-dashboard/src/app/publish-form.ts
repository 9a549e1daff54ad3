import { Component, DestroyRef, inject, signal } from '@angular/core'
import { takeUntilDestroyed } from '@angular/core/rxjs-interop'
import type { QoS } from '@rxmqtt/core'
import { Live } from './live.js'

interface Outcome {
  readonly isGood: boolean
  readonly text: string
}

const levels = [
  { qos: 0, name: '0, at most once' },
  { qos: 1, name: '1, at least once' },
  { qos: 2, name: '2, exactly once' },
] as const satisfies readonly { qos: QoS; name: string }[]

/** No subscriber: nothing is wrong, but somebody may wonder. */
const noMatchingSubscribers = 0x10

@Component({
  selector: 'rx-publish-form',
  template: `
    <form (submit)="publish($event, topic.value, payload.value, qos.selectedIndex, retain.checked)">
      <h2>Publish</h2>
      <div class="fields">
        <div class="wide">
          <label for="publish-topic">Topic</label>
          <input
            #topic
            id="publish-topic"
            class="mono"
            autocomplete="off"
            autocapitalize="off"
            spellcheck="false"
            value="sensors/desk/temperature"
          />
        </div>
        <div class="wide">
          <label for="publish-payload">Payload</label>
          <input #payload id="publish-payload" class="mono" autocomplete="off" spellcheck="false" value="21.5" />
        </div>
        <div>
          <label for="publish-qos">QoS</label>
          <select #qos id="publish-qos">
            @for (level of levels; track level.qos) {
              <option>{{ level.name }}</option>
            }
          </select>
        </div>
        <label class="check"><input #retain id="publish-retain" type="checkbox" /> Retain</label>
      </div>
      <div class="end">
        <button type="submit" class="primary">Publish</button>
        <p role="status" [class.error]="outcome()?.isGood === false" [class.hint]="outcome()?.isGood !== false">
          {{ outcome()?.text }}
        </p>
      </div>
    </form>
  `,
  styles: `
    .fields {
      display: grid;
      grid-template-columns: minmax(0, 1fr) auto;
      gap: 0.75rem 1rem;
      align-items: end;
      margin: 0.75rem 0 1rem;
    }
    .wide {
      grid-column: 1 / -1;
    }
    .end {
      display: flex;
      flex-wrap: wrap;
      gap: 0.5rem 1rem;
      align-items: center;
    }
    @media (max-width: 24rem) {
      .fields {
        grid-template-columns: minmax(0, 1fr);
      }
    }
    .end p {
      flex: 1 1 12rem;
      overflow-wrap: anywhere;
    }
  `,
})
export class PublishForm {
  readonly #live = inject(Live)
  readonly #destroyed = inject(DestroyRef)
  protected readonly levels = levels
  protected readonly outcome = signal<Outcome | undefined>(undefined)

  protected publish(event: Event, topic: string, payload: string, qos: number, retain: boolean): void {
    event.preventDefault()
    this.outcome.set(undefined)
    this.#live
      .publish({ topic, payload, qos: qos as QoS, retain })
      .pipe(takeUntilDestroyed(this.#destroyed))
      .subscribe({
        next: ({ reasonCode }) => {
          const how = qos === 0 ? 'Sent' : 'Sent and acknowledged'
          const who = reasonCode === noMatchingSubscribers ? ', but nobody has subscribed to it' : ''
          this.outcome.set({ isGood: true, text: `${how}: ${topic}${who}` })
        },
        error: (error: Error) => this.outcome.set({ isGood: false, text: `Not sent: ${error.message}` }),
      })
  }
}
