import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../src/cli.js', import.meta.url))

export interface Said {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>
  /** What it reads; default: nothing. */
  readonly input?: string
  /** Given the process as soon as it runs, to signal it. */
  readonly onStart?: (child: { kill(signal: NodeJS.Signals): void; onOutput(handler: (text: string) => void): void }) => void
}

/** Runs the `wattkeep` command as a shell would and waits for its end. */
export function wattkeep(args: readonly string[], options: CommandOptions = {}): Promise<Said> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...options.env }
    const child = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'pipe'], env })
    let out = ''
    let err = ''
    const listeners: ((text: string) => void)[] = []
    child.stdout.on('data', (piece: Buffer) => {
      out += piece.toString()
      for (const listener of listeners) listener(out)
    })
    child.stderr.on('data', (piece: Buffer) => (err += piece.toString()))
    child.once('error', reject)
    child.once('close', (status) => resolve({ status, out, err }))
    // A command that ends before it has read everything closes its pipe: that is its right.
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.input ?? '')
    options.onStart?.({
      kill: (signal) => void child.kill(signal),
      onOutput: (handler) => void listeners.push(handler),
    })
  })
}

/** The lines of an answer, each as JSON. */
export function jsonLines(said: Said): unknown[] {
  return said.out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown)
}
