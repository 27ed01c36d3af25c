import { type BlockCounts, doubtText, openWords } from '../../confinement/what-if/block-words.js'
import { ask, sentence } from './api.js'
import { replaced } from './live.js'

interface Open {
  node: string
  namespace: string
  workload: string
  name: string
  command: string
  certain?: boolean
}

/** A container that a restart does not help. */
interface Unreached extends Open {
  why: string
}

interface Progress extends BlockCounts {
  restart: Open[]
  unreached: Unreached[]
}

const most = 50

function lineOf(container: Open, why?: string): HTMLLIElement {
  const { namespace, workload, name, node, command, certain = true } = container
  const line = document.createElement('li')
  const who = document.createElement('span')
  who.textContent = `${namespace}/${workload} · ${name} on ${node}`
  const how = document.createElement(why === undefined ? 'code' : 'span')
  how.textContent = sentence(why ?? command)
  line.append(who, how)
  if (!certain) {
    const doubt = document.createElement('span')
    doubt.className = 'muted'
    doubt.textContent = doubtText
    line.append(doubt)
  }
  return line
}

/** Returns the line under a list that is cut, with where the whole list is. */
function moreLine(left: number): HTMLLIElement[] {
  if (left <= 0) return []
  const line = document.createElement('li')
  line.textContent = sentence(`and ${left} more: \`secco block -o wide\` lists all`)
  return [line]
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
      words.textContent = sentence('The hub did not answer: see `secco block`.')
      return
    }
    const counts = answer.data as unknown as Progress
    const { restart, unreached } = counts
    words.textContent = sentence(openWords(counts))
    list.replaceChildren(
      ...restart.slice(0, most).map((one) => lineOf(one)),
      ...moreLine(restart.length - most),
      ...unreached.slice(0, most).map((one) => lineOf(one, one.why)),
      ...moreLine(unreached.length - most)
    )
  }
  void update()
  document.addEventListener(replaced, () => void update())
}
