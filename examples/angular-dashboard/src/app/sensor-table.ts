import { Component, computed, inject, model } from '@angular/core'
import { Live } from './live.js'
import { maximumSensors, type Sensor } from './live/board.js'
import { colourOf, shortNumber, unitOf } from './units.js'

/** The same values as numbers, and the legend of the charts. */
@Component({
  selector: 'rx-sensor-table',
  template: `
    <h2 id="sensors-title">Sensors</h2>
    @if (live.board().sensors.length > 0) {
      <table aria-labelledby="sensors-title" [class.stale]="!live.isConnected()">
        <thead>
          <tr>
            <th scope="col">Place</th>
            <th scope="col" class="number">Now</th>
            <th scope="col" class="number range">Last minute</th>
          </tr>
        </thead>
        <tbody>
          @for (sensor of live.board().sensors; track sensor.topic) {
            <tr>
              <th scope="row">
                <button
                  type="button"
                  class="name"
                  [attr.aria-pressed]="singled() === sensor.topic"
                  [title]="sensor.topic"
                  (click)="toggle(sensor)"
                >
                  <span class="swatch" aria-hidden="true" [style.background]="'var(' + colour(sensor) + ')'"></span>
                  <span class="text">
                    <span class="place">{{ sensor.place }}</span>
                    @if (areMixed() && sensor.quantity !== sensor.place) {
                      <span class="quantity">{{ sensor.quantity }}</span>
                    }
                  </span>
                </button>
              </th>
              @if (sensor.value === undefined) {
                <td class="plain" colspan="2"><span class="mono">{{ sensor.text }}</span></td>
              } @else {
                <td class="number now">
                  {{ short(sensor.value) }}<span class="unit">{{ unit(sensor) }}</span>
                </td>
                <td class="number range muted">{{ short(sensor.lowest) }} to {{ short(sensor.highest) }}</td>
              }
            </tr>
          }
        </tbody>
      </table>
      @if (live.board().isFull) {
        <p class="hint">Only the first {{ maximum }} topics are shown. A narrower filter shows others.</p>
      }
    } @else {
      <p class="empty muted">No sensors yet.</p>
    }
  `,
  styles: `
    table {
      width: 100%;
      margin-top: 0.5rem;
      border-collapse: collapse;
      font-variant-numeric: tabular-nums;
    }
    .stale .number {
      color: var(--muted);
    }
    th,
    td {
      padding: 0;
      border-bottom: 1px solid var(--line);
      text-align: left;
      font-weight: 400;
    }
    tbody tr:last-child > * {
      border-bottom: 0;
    }
    thead th {
      padding: 0.375rem 0;
      color: var(--muted);
      font-size: 0.8125rem;
    }
    .number,
    thead .number {
      padding-left: 0.75rem;
      text-align: right;
      white-space: nowrap;
    }
    .now {
      font-size: 1.0625rem;
      font-weight: 600;
    }
    .unit {
      margin-left: 0.2em;
      color: var(--muted);
      font-size: 0.8125rem;
      font-weight: 400;
    }
    .range {
      font-size: 0.8125rem;
    }
    .plain {
      max-width: 0;
      overflow: hidden;
      text-overflow: ellipsis;
      text-align: right;
      white-space: nowrap;
    }
    .name {
      display: flex;
      align-items: center;
      gap: 0.625rem;
      width: 100%;
      min-height: 2.75rem;
      padding: 0.25rem 0.375rem;
      margin-left: -0.375rem;
      border: 0;
      background: none;
      text-align: left;
      line-height: 1.25;
    }
    .name:hover,
    .name[aria-pressed='true'] {
      background: var(--sunken);
      color: inherit;
    }
    .swatch {
      flex: none;
      width: 0.75rem;
      height: 0.75rem;
      border-radius: 3px;
      forced-color-adjust: none;
    }
    .text {
      min-width: 0;
    }
    .place,
    .quantity {
      display: block;
      overflow-wrap: anywhere;
    }
    .quantity {
      color: var(--muted);
      font-size: 0.8125rem;
    }
    @media (max-width: 24rem) {
      .range {
        display: none;
      }
    }
    .empty {
      padding: 2rem 0;
      text-align: center;
    }
  `,
})
export class SensorTable {
  protected readonly live = inject(Live)
  protected readonly maximum = maximumSensors
  protected readonly short = shortNumber
  /** Not all measure the same. */
  protected readonly areMixed = computed(
    () => new Set(this.live.board().sensors.map(({ quantity }) => quantity)).size > 1,
  )
  /** The topic that is picked out. */
  readonly singled = model<string>()

  protected colour({ colour }: Sensor): string {
    return colourOf(colour)
  }

  protected unit({ quantity }: Sensor): string {
    return unitOf(quantity)
  }

  protected toggle({ topic }: Sensor): void {
    this.singled.update((singled) => (singled === topic ? undefined : topic))
  }
}
