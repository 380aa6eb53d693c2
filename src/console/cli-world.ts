import type { InputError, Result } from '../model/index.js'
import type { Timers } from '../ports/index.js'
import { connectConsole, unreachableCodes, type ConsoleClient } from './client.js'
import type { FrameDecoder } from './commands/frame.js'
import type { PinSource } from './pin.js'

/** Exit statuses of the command; `docs/console.md` tells them to people. */
export const exits = {
  done: 0,
  /** It was asked and the answer is no: a test failed, an order was refused or failed, a meter did not answer. */
  no: 1,
  /** What was given is wrong: the command line, a frame, a configuration, a PIN; nothing was done. */
  wrong: 2,
  /** The daemon could not be reached. */
  unreachable: 3,
} as const
export type Exit = (typeof exits)[keyof typeof exits]

/** What the commands need of the world outside. */
export interface CliWorld {
  readonly print: (line: string) => void
  readonly printError: (line: string) => void
  readonly setExit: (status: Exit) => void
  readonly timers: Timers
  /** Settles when the person wants an endless command to end. */
  readonly interrupted: () => Promise<void>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: string
  readonly prompt: PinSource['prompt']
  /** Loaded when something is to be decoded. */
  readonly decoders: () => Promise<readonly FrameDecoder[]>
  /** Reads a YAML or JSON file of a parameter set. */
  readonly readParameters: (path: string) => Promise<Result<unknown, InputError>>
  /** Reads a site's settings whole. */
  readonly checkSettings: (path: string) => Promise<Result<string, readonly InputError[]>>
}

export const defaultSocket = '/run/wattkeep/console.sock'

/** Flags that all commands to the daemon take. */
export interface CommonFlags {
  readonly socket?: string
  readonly json?: boolean
}

/** What a command came to: text for eyes, data for scripts, and its status. */
export interface Outcome {
  readonly json: unknown
  readonly text: readonly string[]
  readonly exit: Exit
}

/** Connects, asks, prints, sets the status. What went wrong is told on standard error, with `--json` as an object on standard output. */
export async function withDaemon(
  world: CliWorld,
  flags: CommonFlags,
  ask: (client: ConsoleClient) => Promise<Result<Outcome, InputError>>,
): Promise<void> {
  const client = await connectConsole(flags.socket ?? world.env['WATTKEEP_SOCKET'] ?? defaultSocket, world.timers)
  if (!client.ok) return tellError(world, flags, client.error)
  try {
    const outcome = await ask(client.value)
    if (outcome.ok) tell(world, flags, outcome.value)
    else tellError(world, flags, outcome.error)
  } finally {
    client.value.close()
  }
}

export function tell(world: CliWorld, flags: CommonFlags, { json, text, exit }: Outcome): void {
  for (const line of flags.json === true ? [JSON.stringify(json)] : text) world.print(line)
  world.setExit(exit)
}

export function tellError(world: CliWorld, flags: CommonFlags, error: InputError): void {
  tellErrors(world, flags, [error])
}

/** Of several the first is `error`, and all stand in `problems`; the status is the first one's. */
export function tellErrors(world: CliWorld, flags: CommonFlags, errors: readonly InputError[]): void {
  const problems = errors.map(({ code, at, message }) => ({ code, at, message }))
  const [error] = problems
  if (flags.json === true) world.print(JSON.stringify({ ok: false, error, ...(problems.length > 1 ? { problems } : {}) }))
  else for (const { at, message } of problems) world.printError(`wattkeep: ${at}: ${message}`)
  world.setExit(exitOf(error?.code ?? ''))
}

/** Codes of what is right but cannot be had now. */
const notNow: readonly string[] = ['held', 'no-time', 'busy', 'no-link', 'starting', 'fault', 'timeout']

function exitOf(code: string): Exit {
  if (unreachableCodes.includes(code)) return exits.unreachable
  return notNow.includes(code) ? exits.no : exits.wrong
}

/** Waits; for commands that look again and again. */
export const pauseOf =
  ({ timers }: CliWorld) =>
  (ms: number): Promise<void> =>
    new Promise((resolve) => void timers.after(ms, resolve))
