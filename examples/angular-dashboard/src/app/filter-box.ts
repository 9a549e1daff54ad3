import { Component, computed, inject, linkedSignal, signal } from '@angular/core'
import { topicMatcher } from '@rxmqtt/core'
import { Live } from './live.js'

const presets = [
  { name: 'Temperatures', filter: 'sensors/+/temperature' },
  { name: 'Humidity', filter: 'sensors/+/humidity' },
  { name: 'The lab', filter: 'sensors/lab/#' },
  { name: 'All', filter: 'sensors/#' },
] as const

/** Which topics to subscribe to. */
@Component({
  selector: 'rx-filter-box',
  template: `
    <form (submit)="apply($event)">
      <label for="filter">Topic filter</label>
      <div class="row">
        <input
          #field
          id="filter"
          class="mono"
          autocomplete="off"
          autocapitalize="off"
          spellcheck="false"
          aria-describedby="filter-hint filter-error"
          [attr.aria-invalid]="mistake() !== ''"
          [value]="text()"
          (input)="text.set(field.value)"
        />
        <button type="submit" class="primary">Show</button>
      </div>
      <p id="filter-error" class="error" aria-live="polite">{{ mistake() || live.filterProblem() }}</p>
      <div class="below">
        <div class="presets" role="group" aria-label="Filters to choose from">
          @for (preset of presets; track preset.filter) {
            <button type="button" class="quiet" [attr.aria-pressed]="live.filter() === preset.filter" (click)="show(preset.filter)">
              {{ preset.name }}
            </button>
          }
        </div>
        <p id="filter-hint" class="hint">
          <span class="mono">+</span> is any one level, <span class="mono">#</span> at the end is everything below
        </p>
      </div>
    </form>
    <p class="visually-hidden" role="status">{{ told() }}</p>
  `,
  styles: `
    .row {
      display: flex;
      gap: 0.5rem;
    }
    input {
      flex: 1;
      min-width: 0;
    }
    .error:not(:empty) {
      margin-top: 0.5rem;
    }
    .below {
      display: flex;
      flex-wrap: wrap;
      gap: 0.5rem 1.5rem;
      align-items: center;
      justify-content: space-between;
      margin-top: 0.75rem;
    }
    .presets {
      display: flex;
      flex-wrap: wrap;
      gap: 0.5rem;
    }
  `,
})
export class FilterBox {
  protected readonly live = inject(Live)
  protected readonly presets = presets
  protected readonly text = linkedSignal(() => this.live.filter())
  /** What is wrong with the filter, in words; otherwise empty. */
  protected readonly mistake = computed(() => mistakeIn(this.text()))
  /** What happened, for who can't see it. */
  protected readonly told = signal('')

  protected apply(event: Event): void {
    event.preventDefault()
    if (this.mistake() === '') this.show(this.text())
  }

  protected show(filter: string): void {
    this.live.show(filter)
    this.text.set(filter)
    this.told.set(`Showing ${filter}`)
  }
}

function mistakeIn(filter: string): string {
  try {
    topicMatcher(filter)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}
