import { execFile } from 'node:child_process'

interface Said {
  code: number
  stdout: string
  stderr: string
}

export type Kubectl = (args: readonly string[], stdin?: string) => Promise<Said>

/** kubectl against one cluster. Asynchronous: a webhook in this process must be able to answer meanwhile. */
export function kubectlOf(program: string, kubeconfig: string): Kubectl {
  return (args, stdin = '') =>
    new Promise((resolve) => {
      const child = execFile(
        program,
        ['--kubeconfig', kubeconfig, '--cache-dir', `${kubeconfig}.cache`, ...args],
        { maxBuffer: 64 * 1024 * 1024, timeout: 120_000 },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
          resolve({ code, stdout, stderr })
        }
      )
      child.stdin?.on('error', () => undefined)
      child.stdin?.end(stdin)
    })
}
