import { ask, failureText, showForce } from './api.js'
import { standing } from './fields.js'

const largest = 4 * 1024 * 1024

async function filesOf(list: FileList | null): Promise<{ name: string; text: string }[]> {
  const files = [...(list ?? [])]
  return Promise.all(files.map(async (file) => ({ name: file.name, text: await file.text() })))
}

interface Imported {
  namespace: string
  name: string
  kind: string
  calls: number
}
interface Loss {
  where: string
  what: string
  why: string
  fix: string
}

function line(text: string): HTMLElement {
  const item = document.createElement('li')
  item.textContent = text
  return item
}

function show(
  place: Element,
  imported: readonly Imported[],
  losses: readonly Loss[],
  dryRun: boolean
): void {
  const list = document.createElement('ul')
  list.className = 'list tight'
  for (const { namespace, name, kind, calls } of imported) {
    list.append(
      line(`${dryRun ? 'would make' : 'made'} ${namespace}/${name}: a ${kind} of ${calls} calls`)
    )
  }
  for (const { where, what, why, fix } of losses)
    list.append(line(`${where}: ${what}: ${why}; ${fix}`))
  place.replaceChildren(list)
}

async function send(form: HTMLFormElement, keep: boolean): Promise<void> {
  const field = form.querySelector<HTMLInputElement>('input[type=file]')
  const showError = (text: string) => {
    const error = standing(form).querySelector('.form-error')
    if (error !== null) error.textContent = text
  }
  showError('')
  const files = await filesOf(field?.files ?? null)
  const size = files.reduce((sum, { text }) => sum + text.length, 0)
  if (files.length === 0 || size > largest) {
    showError(
      files.length === 0
        ? 'choose a file first'
        : 'too large: 4 MB at most; use secco import -f FILE'
    )
    return
  }
  const value = (name: string) => {
    const given = new FormData(form).get(name)
    return typeof given === 'string' ? given : ''
  }
  const body = {
    files,
    namespace: value('namespace'),
    ...(value('name') === '' ? {} : { name: value('name') }),
    dryRun: !keep,
    ...(value('force') === 'true' ? { force: true } : {})
  }
  const answer = await ask('POST', form.dataset['url'] ?? '', body)
  if (!answer.ok) {
    showError(failureText(answer.failure))
    showForce(standing(form), answer.failure)
    return
  }
  const { imported, losses } = answer.data as { imported: Imported[]; losses: Loss[] }
  const place = standing(form).querySelector('[data-import-result]')
  if (place !== null) show(place, imported, losses, !keep)
}

/** Starts the import of files. Listeners are on the document, because live updates can replace the form. */
export function startImport(): void {
  document.addEventListener('submit', (event) => {
    const form = event.target
    if (!(form instanceof HTMLFormElement) || form.dataset['import'] === undefined) return
    event.preventDefault()
    const button = event.submitter
    void send(form, button instanceof HTMLButtonElement && button.value === 'keep')
  })
  for (const kind of ['dragover', 'dragleave', 'drop'] as const) {
    document.addEventListener(kind, (event) => {
      const drop = event.target instanceof Element ? event.target.closest('[data-drop]') : null
      const form = drop?.closest<HTMLFormElement>('[data-import]')
      const field = form?.querySelector<HTMLInputElement>('input[type=file]')
      if (drop === null || form == null || field == null) return
      event.preventDefault()
      drop.classList.toggle('over', kind === 'dragover')
      if (kind !== 'drop' || event.dataTransfer === null) return
      field.files = event.dataTransfer.files
      void send(form, false)
    })
  }
}
