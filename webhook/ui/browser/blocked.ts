import { ask } from './api.js'
import { replaced } from './live.js'

interface Open {
  node: string
  namespace: string
  workload: string
  name: string
  command: string
}

const most = 50

function lineOf({ namespace, workload, name, node, command }: Open): HTMLLIElement {
  const line = document.createElement('li')
  const who = document.createElement('span')
  who.textContent = `${namespace}/${workload} · ${name} on ${node}`
  const how = document.createElement('code')
  how.textContent = command
  line.append(who, how)
  return line
}

/** Lists the containers that can make a blocked call until they restart, and updates the list as they do. */
export function startBlocked(): void {
  const update = async () => {
    const panel = document.querySelector('[data-blocked]')
    if (panel === null) return
    const answer = await ask('GET', '/api/v1/block')
    const words = panel.querySelector('[data-blocked-words]')
    const list = panel.querySelector('[data-blocked-list]')
    if (words === null || list === null) return
    if (!answer.ok) {
      words.textContent = 'The hub did not answer: see secco block.'
      return
    }
    const { restart, total } = answer.data as unknown as { restart: Open[]; total: number }
    const containers = `${total} ${total === 1 ? 'container' : 'containers'}`
    words.textContent =
      restart.length === 0
        ? `nobody: none of ${containers} under a profile can ask for it`
        : `${restart.length} of ${containers} under a profile can still ask for it`
    list.replaceChildren(...restart.slice(0, most).map(lineOf))
  }
  void update()
  document.addEventListener(replaced, () => void update())
}
