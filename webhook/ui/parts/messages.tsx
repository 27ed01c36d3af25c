import type { SeccoError } from '../../../src/lib/errors.js'
import { capitalised } from '../../../src/lib/printed-commands.js'
import { messageDocument } from './layout.js'
import type { Ui } from '../model/context.js'
import { Command, CommandOptions, Sentence } from './panels.js'
import type { View } from './page.js'

/** Renders the log-in, with the reason why it is shown. */
export function loginPage(
  { rights: { kind }, commandOptions }: Pick<Ui, 'rights' | 'commandOptions'>,
  why: string
): string {
  const how =
    kind === 'local' ? (
      <>
        <p>
          On the machine where Secco runs, make a new one-time link and open it in this browser:
        </p>
        <Command text="secco ui link" />
        <p class="muted">
          A link opens one session, once. Sessions end after 12 hours without use, and when Secco
          restarts.
        </p>
      </>
    ) : (
      <>
        <noscript>
          <p class="banner warn">
            JavaScript is off, and logging in needs it: allow it for this address, or use the
            command line.
          </p>
        </noscript>
        <form class="stack" method="post" data-action data-url="/api/v1/session" data-then="/">
          <div class="field">
            <label for="token">Your own token of the cluster</label>
            <input
              id="token"
              name="token"
              type="password"
              autocomplete="off"
              required
              aria-describedby="token-h"
            />
            <small id="token-h">
              It stays in the memory of this replica, for this session. What you do here is done
              with it: the cluster decides, and its audit log has your name.
            </small>
          </div>
          <p class="form-error" role="alert"></p>
          <button class="btn primary" type="submit">
            Log in
          </button>
        </form>
        <p>A token of your own:</p>
        <Command text="kubectl create token YOUR-SERVICE-ACCOUNT" />
        <p class="muted">
          Another replica does not know your session: a new port-forward may reach one, and asks
          again.
        </p>
      </>
    )
  return messageDocument(
    'Log in',
    <CommandOptions.Provider value={commandOptions}>
      <p>
        <Sentence text={why} />
      </p>
      {how}
    </CommandOptions.Provider>
  )
}

/** Renders the page after a one-time link. It loads the next page itself, so that the browser sends the strict cookie. */
export function welcomePage(): string {
  return messageDocument(
    'Welcome',
    <p>
      You are logged in. <a href="/">Go to the fleet</a>
    </p>,
    '/'
  )
}

/** Renders the page of somebody with a session who may see nothing of this installation. */
export function deniedPage({ message, hint }: SeccoError): string {
  return messageDocument(
    'Not permitted',
    <>
      <p>
        <Sentence text={message} />
      </p>
      <p>{capitalised(hint)}</p>
    </>
  )
}

/** Returns a page that shows an error. */
export function failureView(error: SeccoError, status: number): View {
  const titles: Record<number, string> = { 403: 'Not permitted', 404: 'Not found' }
  return {
    title: titles[status] ?? 'This did not work',
    status,
    body: (
      <section class="panel">
        <div class="body stack" role="alert">
          <p class="strong">
            <Sentence text={error.message} /> <span class="muted">({error.code})</span>
          </p>
          <p>
            <Sentence text={capitalised(error.hint)} />
          </p>
          <p class="row">
            <a class="btn" href="/">
              Fleet
            </a>
          </p>
        </div>
      </section>
    )
  }
}
