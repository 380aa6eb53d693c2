import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** What `wire.py` saw of one wire since its statistics were last started anew. */
export interface WireStats {
  readonly link: string
  readonly requests: number
  readonly requestBytes: number
  readonly replies: number
  readonly replyBytes: number
  /** Times that two talked at once. */
  readonly overlaps: number
  /** Requests for which no meter was connected. */
  readonly lostReplies: number
  /** Wire time of all bytes. */
  readonly wireMs: number
  /** How late this process was with a byte, at worst, and with the replies' last bytes in sum. */
  readonly lateMaxMs: number
  readonly lateSumMs: number
  readonly unplugged: number
  readonly byteMs: number
  /** From a reply's last byte out to the next request's first byte in: what the host adds. */
  readonly gapCount: number
  readonly gapMeanMs: number | null
  readonly gapP50Ms: number | null
  readonly gapP99Ms: number | null
  readonly gapMaxMs: number | null
}

export interface WireOptions {
  readonly wires: readonly { readonly link: string; readonly connect: string }[]
  readonly baud: number
  readonly parity?: 'none' | 'even' | 'odd'
  readonly replyDelayMs: number
  readonly fifo?: number
  readonly echo?: boolean
  readonly spinMs?: number
}

export interface WireProcess {
  /** Statistics so far, one for each wire; they start anew. */
  takeStats(): Promise<readonly WireStats[]>
  /** Unplugs every terminal and plugs it in under a new number. */
  replug(): Promise<void>
  /** Ends the process; the links are gone afterwards. */
  stop(): Promise<readonly WireStats[]>
}

/** Starts `scripts/wire.py` and waits until its terminals stand. */
export async function startWires(options: WireOptions): Promise<WireProcess> {
  const child = spawn('python3', ['-u', wireScript(), ...wireArguments(options)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const next = async (): Promise<string> => {
    const line = await lines.next()
    if (line.done === true) throw new Error('wire.py has ended')
    return line.value
  }
  const stats = async (): Promise<readonly WireStats[]> => {
    const read: WireStats[] = []
    for (const _ of options.wires) read.push(parseStats(await next()))
    return read
  }
  await expectLine(next, 'ready')
  return {
    takeStats: async () => {
      signal(child, 'SIGUSR2')
      return await stats()
    },
    replug: async () => {
      signal(child, 'SIGUSR1')
      await expectLine(next, 'replugged')
    },
    stop: async () => {
      signal(child, 'SIGTERM')
      const last = await stats()
      await exited
      return last
    },
  }
}

function wireArguments(options: WireOptions): readonly string[] {
  const { wires, baud, parity = 'even', replyDelayMs, fifo = 1, spinMs = 0 } = options
  return [
    ...wires.flatMap(({ link, connect }) => ['--link', link, '--connect', connect]),
    ...[
      '--baud',
      `${baud}`,
      '--parity',
      parity,
      '--reply-delay-ms',
      `${replyDelayMs}`,
      '--fifo',
      `${fifo}`,
      '--spin-ms',
      `${spinMs}`,
    ],
    ...(options.echo === true ? ['--echo'] : []),
    ...['--end-with-parent', `${process.pid}`],
    '--stats',
  ]
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (!child.kill(name)) throw new Error(`wire.py could not be sent ${name}`)
}

async function expectLine(next: () => Promise<string>, expected: string): Promise<void> {
  const line = await next()
  if (line !== expected) throw new Error(`wire.py said ${JSON.stringify(line)} instead of ${expected}`)
}

/** `wire.py` is ours and stands beside this file, so its lines are taken as they come. */
const parseStats = (line: string): WireStats => JSON.parse(line) as WireStats

/** The script stands in the source folder, wherever this file was compiled to. */
function wireScript(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return join(folder, 'scripts', 'wire.py')
}
