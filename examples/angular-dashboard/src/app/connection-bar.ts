import { Component, computed, inject } from '@angular/core'
import { Live } from './live.js'
import { SettingsDialog } from './settings-dialog.js'

const states = { stopped: 'Disconnected', connecting: 'Connecting', connected: 'Connected' } as const

/** How the connection is, and what to do about it. */
@Component({
  selector: 'rx-connection-bar',
  imports: [SettingsDialog],
  template: `
    <header>
      <h1>rxmqtt <span class="muted">dashboard</span></h1>
      <p class="state" role="status" [attr.data-state]="live.state().type">
        <span class="dot" aria-hidden="true"></span>{{ text() }}
      </p>
      <div class="buttons">
        <button type="button" (click)="settings.open()">Settings</button>
        @if (live.state().type === 'stopped') {
          <button type="button" class="primary" (click)="live.connect()">Connect</button>
        } @else {
          <button type="button" (click)="live.disconnect()">Disconnect</button>
        }
      </div>
    </header>
    <!-- Always there, so that what comes into it is read out. -->
    <div role="alert">
      @if (problem(); as problem) {
        <p class="problem" [attr.data-kind]="problem.kind" [class.final]="problem.isFinal">
          <strong>{{ problem.title }}.</strong> {{ problem.text }}
        </p>
      }
    </div>
    @if (waiting(); as waiting) {
      <div class="next">
        <p class="hint">
          @if (waiting.within !== undefined) {
            The next attempt is within {{ waiting.within === 1 ? 'a second' : waiting.within + ' seconds' }}.
          } @else if (waiting.problem.isFinal) {
            Change the settings, or try again as it is.
          } @else {
            It waits for the network.
          }
        </p>
        <button type="button" class="quiet" (click)="live.retryNow()">Try now</button>
      </div>
    }
    <rx-settings-dialog #settings />
  `,
  styles: `
    :host {
      display: block;
    }
    header {
      display: flex;
      flex-wrap: wrap;
      gap: 0.5rem 1.25rem;
      align-items: center;
      padding: 1rem 0;
    }
    h1 {
      font-size: 1.125rem;
      font-weight: 650;
    }
    h1 .muted {
      font-weight: 400;
    }
    .state {
      display: flex;
      flex: 1;
      gap: 0.5rem;
      align-items: center;
      color: var(--muted);
      font-size: 0.9375rem;
      white-space: nowrap;
    }
    .dot {
      width: 0.625rem;
      height: 0.625rem;
      border: 2px solid currentcolor;
      border-radius: 50%;
    }
    [data-state='connected'] {
      color: var(--good);
    }
    [data-state='connected'] .dot {
      background: currentcolor;
    }
    [data-state='waiting'] {
      color: var(--warn);
    }
    .buttons {
      display: flex;
      gap: 0.5rem;
    }
    .problem {
      margin-bottom: 1rem;
      padding: 0.75rem 1rem;
      border-left: 4px solid var(--warn);
      border-radius: 6px;
      background: var(--warn-soft);
      overflow-wrap: anywhere;
    }
    .problem.final {
      border-left-color: var(--bad);
      background: var(--bad-soft);
    }
    .next {
      display: flex;
      flex-wrap: wrap;
      gap: 0.25rem 1rem;
      align-items: center;
      margin: -0.5rem 0 1rem;
      padding-left: 1.25rem;
    }
  `,
})
export class ConnectionBar {
  protected readonly live = inject(Live)
  protected readonly waiting = computed(() => {
    const state = this.live.state()
    return state.type === 'waiting' ? state : undefined
  })
  protected readonly problem = computed(() => this.waiting()?.problem)
  protected readonly text = computed(() => {
    const state = this.live.state()
    if (state.type !== 'waiting') return states[state.type]
    return state.problem.isFinal ? 'Not connected' : 'Waiting to reconnect'
  })
}
