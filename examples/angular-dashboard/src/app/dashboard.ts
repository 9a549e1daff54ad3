import { afterNextRender, Component, computed, inject, signal } from '@angular/core'
import { ConnectionBar } from './connection-bar.js'
import { FilterBox } from './filter-box.js'
import { LineChart } from './line-chart.js'
import { Live } from './live.js'
import type { Sensor } from './live/board.js'
import { PacketLog } from './packet-log.js'
import { PublishForm } from './publish-form.js'
import { SensorTable } from './sensor-table.js'

/** Quantities with a chart; others are in the table alone. */
const maximumCharts = 3

@Component({
  selector: 'rx-dashboard',
  imports: [ConnectionBar, FilterBox, LineChart, PacketLog, PublishForm, SensorTable],
  template: `
    <a class="skip" href="#readings" (click)="skip($event, main)">Skip to the readings</a>
    <rx-connection-bar />
    <main #main id="readings" tabindex="-1" aria-label="Readings">
      <rx-filter-box class="card filter" />
      <section class="card charts" aria-labelledby="charts-title">
        <div class="head">
          <h2 id="charts-title">Last minute</h2>
          @if (live.traffic(); as traffic) {
            <p class="hint traffic">
              <span>{{ grouped(traffic.total) }}</span> messages, <span>{{ grouped(traffic.perSecond) }}</span> a second
            </p>
          }
        </div>
        @for (chart of charts(); track chart.quantity) {
          <rx-line-chart [quantity]="chart.quantity" [sensors]="chart.sensors" [at]="live.board().at" [singled]="singled()" />
        } @empty {
          <p class="empty muted">
            @if (live.isConnected()) {
              No numbers yet. They appear as soon as something is published that <span class="mono">{{ live.filter() }}</span>
              matches.
            } @else {
              Nothing to draw without a connection.
            }
          </p>
        }
      </section>
      <rx-sensor-table class="card table" [(singled)]="singled" />
      <rx-packet-log class="card log" />
      <rx-publish-form class="card publish" />
    </main>
  `,
  styles: `
    :host {
      display: block;
      max-width: 80rem;
      margin: 0 auto;
      padding: 0 1.5rem 3rem;
    }
    .skip {
      position: absolute;
      left: 1rem;
      top: -5rem;
      z-index: 1;
      padding: 0.5rem 1rem;
      border-radius: 6px;
      background: var(--accent);
      color: var(--on-accent);
    }
    .skip:focus {
      top: 0.5rem;
    }
    main {
      display: grid;
      grid-template-columns: minmax(0, 1.7fr) minmax(0, 1fr);
      gap: var(--gap);
    }
    main:focus {
      outline: none;
    }
    .filter {
      grid-column: 1 / -1;
    }
    .charts {
      display: flex;
      flex-direction: column;
    }
    rx-line-chart,
    .empty {
      flex: 1;
    }
    .head {
      display: flex;
      flex-wrap: wrap;
      gap: 0.25rem 1rem;
      align-items: baseline;
      justify-content: space-between;
    }
    .traffic {
      font-variant-numeric: tabular-nums;
    }
    .empty {
      display: grid;
      align-content: center;
      min-height: 15rem;
      text-align: center;
    }
    rx-line-chart + rx-line-chart {
      margin-top: 1rem;
    }
    @media (max-width: 60rem) {
      main {
        grid-template-columns: minmax(0, 1fr);
      }
    }
    @media (max-width: 40rem) {
      :host {
        padding: 0 0.75rem 2rem;
      }
    }
  `,
})
export class Dashboard {
  protected readonly live = inject(Live)
  /** The topic that was picked out; the others step back. */
  protected readonly singled = signal<string | undefined>(undefined)
  protected readonly charts = computed(() => {
    const groups = new Map<string, Sensor[]>()
    for (const sensor of this.live.board().sensors) {
      if (sensor.points.length === 0) continue
      const group = groups.get(sensor.quantity)
      if (group) group.push(sensor)
      else if (groups.size < maximumCharts) groups.set(sensor.quantity, [sensor])
    }
    return [...groups].map(([quantity, sensors]) => ({ quantity, sensors }))
  })
  readonly #number = new Intl.NumberFormat('en')

  constructor() {
    // Not before the page is there: an open socket is nothing to render for, and a server would not dial at all.
    afterNextRender(() => this.live.connect())
  }

  protected grouped(value: number): string {
    return this.#number.format(value)
  }

  /** The address stays as it is. */
  protected skip(event: Event, main: HTMLElement): void {
    event.preventDefault()
    main.focus()
  }
}
