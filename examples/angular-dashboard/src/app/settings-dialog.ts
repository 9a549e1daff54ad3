import { Component, type ElementRef, inject, viewChild } from '@angular/core'
import { Live } from './live.js'

/** Where to connect, and as whom. */
@Component({
  selector: 'rx-settings-dialog',
  template: `
    <dialog #dialog aria-labelledby="settings-title">
      <form #form (submit)="connect($event, url.value, clientId.value, username.value, password.value)">
        <h2 id="settings-title">Connection</h2>
        <div>
          <label for="url">Server</label>
          <input #url id="url" type="url" class="mono" required spellcheck="false" [attr.value]="live.settings().url" />
        </div>
        <div>
          <label for="client-id">Client id</label>
          <input
            #clientId
            id="client-id"
            class="mono"
            required
            autocomplete="off"
            autocapitalize="off"
            spellcheck="false"
            aria-describedby="settings-hint"
            [attr.value]="live.settings().clientId"
          />
        </div>
        <div class="pair">
          <div>
            <label for="username">User name</label>
            <input #username id="username" autocomplete="username" autocapitalize="off" [attr.value]="live.settings().username" />
          </div>
          <div>
            <label for="password">Password</label>
            <input
              #password
              id="password"
              type="password"
              autocomplete="current-password"
              [attr.value]="live.settings().password"
            />
          </div>
        </div>
        <p id="settings-hint" class="hint">
          Not needed for the server of this example. To see what goes wrong: it refuses the client id
          <span class="mono">refused</span> and any wrong password, and never answers <span class="mono">silent</span>.
        </p>
        <div class="buttons">
          <button type="button" (click)="dialog.close()">Cancel</button>
          <button type="submit" class="primary">Connect</button>
        </div>
      </form>
    </dialog>
  `,
  styles: `
    dialog {
      width: min(30rem, calc(100vw - 1.5rem));
      padding: 1.5rem;
      border: 1px solid var(--line);
      border-radius: var(--radius);
      background: var(--card);
      color: inherit;
    }
    dialog::backdrop {
      background: rgb(8 12 18 / 45%);
    }
    form {
      display: grid;
      gap: 1rem;
    }
    .pair {
      display: grid;
      grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr));
      gap: 1rem;
    }
    .buttons {
      display: flex;
      gap: 0.5rem;
      justify-content: flex-end;
    }
  `,
})
export class SettingsDialog {
  protected readonly live = inject(Live)
  protected readonly form = viewChild.required<ElementRef<HTMLFormElement>>('form')
  protected readonly box = viewChild.required<ElementRef<HTMLDialogElement>>('dialog')

  open(): void {
    // What was typed before and not used is not there any more.
    this.form().nativeElement.reset()
    this.box().nativeElement.showModal()
  }

  protected connect(event: Event, url: string, clientId: string, username: string, password: string): void {
    event.preventDefault()
    this.box().nativeElement.close()
    this.live.connect({ url, clientId, username, password })
  }
}
