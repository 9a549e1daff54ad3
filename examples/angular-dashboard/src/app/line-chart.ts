import {
  afterRenderEffect,
  Component,
  computed,
  DestroyRef,
  type ElementRef,
  inject,
  input,
  viewChild,
} from '@angular/core'
import { DOCUMENT } from '@angular/common'
import { toSignal } from '@angular/core/rxjs-interop'
import { Chart, LinearScale, LineController, LineElement, type Plugin, PointElement } from 'chart.js'
import { fromEvent } from 'rxjs'
import { type Point, type Sensor, windowLength } from './live/board.js'
import { colourOf, shortNumber, titleOf } from './units.js'

type Lines = Chart<'line', Point[]>

/** Milliseconds between two ticks, and where there is little room. */
const tickEvery = 15_000
const tickSeldom = 30_000
/** Pixels that are little room. */
const narrow = 300

/** A dot where each line is now. */
const dots: Plugin<'line'> = {
  id: 'dots',
  afterDatasetsDraw: (chart) => {
    const { ctx, data, chartArea } = chart
    data.datasets.forEach(({ borderColor }, index) => {
      const last = chart.getDatasetMeta(index).data.at(-1)
      if (last === undefined || last.x < chartArea.left) return
      ctx.beginPath()
      ctx.arc(last.x, last.y, 3, 0, 2 * Math.PI)
      ctx.fillStyle = borderColor as string
      ctx.fill()
    })
  },
}

Chart.register(LineController, LineElement, PointElement, LinearScale)

/** The last minute of the sensors of one quantity. What it shows is in the table too, for who can't see it. */
@Component({
  selector: 'rx-line-chart',
  template: `
    <p class="label" aria-hidden="true">{{ title() }}</p>
    <div class="plot"><canvas #canvas role="img" [attr.aria-label]="description()"></canvas></div>
  `,
  styles: `
    :host {
      display: flex;
      flex-direction: column;
    }
    .label {
      margin: 0.75rem 0 0.25rem;
      color: var(--muted);
      font-weight: 400;
    }
    .plot {
      position: relative;
      flex: 1 0 clamp(12rem, 34vh, 19rem);
      min-height: 0;
    }
  `,
})
export class LineChart {
  readonly quantity = input.required<string>()
  readonly sensors = input.required<readonly Sensor[]>()
  /** When the last sample was taken, in milliseconds since the epoch. */
  readonly at = input.required<number>()
  /** The topic of the one line that is picked out. */
  readonly singled = input<string>()

  protected readonly title = computed(() => titleOf(this.quantity()))
  protected readonly description = computed(
    () => `${this.title()} over the last minute, ${this.sensors().length} lines. The table has the values.`,
  )
  protected readonly canvas = viewChild.required<ElementRef<HTMLCanvasElement>>('canvas')
  readonly #window = inject(DOCUMENT).defaultView!
  /** Canvases don't follow style sheets. */
  readonly #scheme = toSignal(fromEvent(this.#window.matchMedia('(prefers-color-scheme: dark)'), 'change'))
  #chart: Lines | undefined

  constructor() {
    afterRenderEffect({ write: () => this.#draw() })
    inject(DestroyRef).onDestroy(() => this.#chart?.destroy())
  }

  #draw(): void {
    this.#scheme()
    const canvas = this.canvas().nativeElement
    const chart = (this.#chart ??= this.#create(canvas))
    const style = this.#window.getComputedStyle(canvas)
    const colour = (token: string): string => style.getPropertyValue(token).trim()
    const { x, y } = chart.options.scales!
    const end = this.at()
    const singled = this.singled()
    x!.min = end - windowLength
    x!.max = end
    x!.grid!.color = y!.grid!.color = colour('--line')
    x!.ticks!.color = y!.ticks!.color = colour('--muted')
    chart.data.datasets = this.sensors().map(({ topic, points, colour: index }) => {
      const isBack = singled !== undefined && singled !== topic
      const borderColor = isBack ? colour('--line') : colour(colourOf(index))
      // Later ones are drawn below.
      return { label: topic, data: points as Point[], borderColor, borderWidth: 2, order: isBack ? 1 : 0 }
    })
    chart.update('none')
  }

  #create(canvas: HTMLCanvasElement): Lines {
    const family = this.#window.getComputedStyle(canvas).fontFamily
    return new Chart(canvas, {
      type: 'line',
      data: { datasets: [] },
      options: {
        animation: false,
        parsing: false,
        normalized: true,
        maintainAspectRatio: false,
        events: [],
        font: { family, size: 12 },
        layout: { padding: { top: 4, right: 6 } },
        elements: { point: { radius: 0 }, line: { borderJoinStyle: 'round', borderCapStyle: 'round' } },
        scales: {
          x: {
            type: 'linear',
            border: { display: false },
            grid: { display: false },
            // Ticks stand still, lines move.
            afterBuildTicks: (axis) => {
              const every = axis.width < narrow ? tickSeldom : tickEvery
              axis.ticks = Array.from({ length: windowLength / every + 1 }, (_, step) => ({
                value: axis.min + step * every,
              }))
            },
            ticks: {
              maxRotation: 0,
              align: 'inner',
              callback: function (value) {
                return Number(value) === this.max ? 'now' : `−${Math.round((this.max - Number(value)) / 1_000)} s`
              },
            },
          },
          y: {
            type: 'linear',
            border: { display: false },
            grace: '8%',
            ticks: {
              maxTicksLimit: 6,
              padding: 8,
              callback: (value) => shortTick(Number(value)),
            },
          },
        },
      },
      plugins: [dots],
    })
  }
}

function shortTick(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1_000 ? String(value) : shortNumber(value)
}
