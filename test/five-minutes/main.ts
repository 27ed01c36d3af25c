import process from 'node:process'
import { shortcomings, walkReadme } from './walk.js'

const most = 300

/** `npm run five-minutes`: the README's first five minutes from `npm start` on, timed. */
async function main(): Promise<void> {
  let sum = 0
  const { steps, seconds } = await walkReadme({
    start: { command: 'npm', args: ['start'] },
    instead: {},
    env: {},
    step({ command, seconds, code, said }) {
      sum += seconds
      process.stdout.write(
        `${sum.toFixed(1).padStart(7)} s  ${command}${code === 0 ? '' : ` → ${code}`}\n`
      )
      // What npm start says is a page of its own.
      if (command === 'npm start') return
      for (const line of said.trimEnd().split('\n').slice(0, 6)) {
        if (line !== '') process.stdout.write(`           | ${line.slice(0, 110)}\n`)
      }
    }
  })
  const wrong = [
    ...shortcomings(steps),
    ...(seconds > most ? [`it took ${seconds.toFixed(0)} s: more than five minutes`] : [])
  ]
  for (const each of wrong) process.stderr.write(`error: ${each}\n`)
  process.stdout.write(
    `from npm start to an attack denied on a workload of one's own: ${seconds.toFixed(0)} s\n`
  )
  process.exitCode = wrong.length === 0 ? 0 : 1
}

await main()
