import { provideBrowserGlobalErrorListeners, provideZonelessChangeDetection } from '@angular/core'
import { bootstrapApplication } from '@angular/platform-browser'
import { Dashboard } from './app/dashboard.js'

bootstrapApplication(Dashboard, {
  providers: [provideZonelessChangeDetection(), provideBrowserGlobalErrorListeners()],
})
  // With the socket open and its timers running: what waits for a stable application (tests, hydration) must not wait for ever.
  .then((app) => app.whenStable())
  .then(() => performance.mark('stable'))
  .catch((error: unknown) => console.error(error))
