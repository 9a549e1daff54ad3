import { Component, inject } from '@angular/core'
import { Live } from './live.js'
import { maximumLines } from './live/packet-log.js'

@Component({
  selector: 'rx-packet-log',
  template: `
    <div class="head">
      <h2 id="log-title">Packets</h2>
      <div class="buttons">
        <button type="button" class="quiet" [attr.aria-pressed]="live.isLogBrief()" (click)="toggle(live.isLogBrief)">
          Without PUBLISH
        </button>
        <button type="button" class="quiet" [attr.aria-pressed]="live.isLogPaused()" (click)="toggle(live.isLogPaused)">
          Pause
        </button>
      </div>
    </div>
    <div class="scroll" tabindex="0" role="region" aria-labelledby="log-title">
      <ol>
        @for (line of live.log(); track line.id) {
          <li [class.out]="line.isOut">
            <time class="muted">{{ clock.format(line.at) }}</time>
            <span class="way"><span aria-hidden="true">{{ line.isOut ? '→' : '←' }}</span>
              <span class="visually-hidden">{{ line.isOut ? 'sent' : 'received' }}</span></span>
            <span class="type">{{ line.type }}</span>
            <span class="text" [title]="line.text">{{ line.text }}</span>
          </li>
          @if (line.omitted > 0) {
            <li class="omitted muted">{{ line.omitted }} more packets in that moment</li>
          }
        } @empty {
          <li class="omitted muted">No packets yet.</li>
        }
      </ol>
    </div>
    <p class="hint">The newest {{ maximum }}, newest first.</p>
  `,
  styles: `
    :host {
      display: flex;
      flex-direction: column;
    }
    .head {
      display: flex;
      flex-wrap: wrap;
      gap: 0.5rem;
      align-items: center;
      justify-content: space-between;
    }
    .buttons {
      display: flex;
      gap: 0.5rem;
    }
    .scroll {
      position: relative;
      flex: 1 1 14rem;
      height: 14rem;
      margin: 0.75rem 0 0.5rem;
      overflow: auto;
      overscroll-behavior: contain;
      border-radius: 6px;
      background: var(--sunken);
    }
    ol {
      padding: 0.5rem 0.75rem;
      list-style: none;
      font-family: var(--mono);
      font-size: 0.8125rem;
      line-height: 1.6;
    }
    li {
      display: grid;
      grid-template-columns: auto 1em 7em minmax(0, 1fr);
      column-gap: 0.75em;
      white-space: nowrap;
    }
    .omitted {
      display: block;
      text-align: center;
    }
    .out .way,
    .out .type {
      color: var(--accent);
    }
    .text {
      overflow: hidden;
      text-overflow: ellipsis;
    }
    @media (max-width: 40rem) {
      li {
        grid-template-columns: auto 1em 1fr;
        column-gap: 0.5em;
      }
      .text {
        grid-column: 1 / -1;
        padding-left: 1em;
      }
    }
  `,
})
export class PacketLog {
  protected readonly live = inject(Live)
  protected readonly maximum = maximumLines
  protected readonly clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })

  protected toggle(flag: { update(change: (value: boolean) => boolean): void }): void {
    flag.update((value) => !value)
  }
}
