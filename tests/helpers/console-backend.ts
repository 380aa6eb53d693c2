import { answerer } from '../../src/console/answers.js'
import type { ConsoleBackend, ConsoleQuery } from '../../src/console/backend.js'
import type { ConsoleCall } from '../../src/console/protocol.js'
import type { ConsoleAnswers } from '../../src/console/views.js'
import { epochMs, fail, linkId, monotonicMs, streams } from '../../src/model/index.js'
import type { SiteParameters } from '../../src/model/index.js'
import type { StoreCommands } from '../../src/ports/index.js'
import { siteOf } from './store-site.js'

/** 2026-03-02 10:00 at the site of `siteOf`. */
export const consoleNow = epochMs(Date.UTC(2026, 2, 2, 2))

type Answers = { readonly [K in ConsoleQuery]?: (input: StoreCommands[K]['in']) => StoreCommands[K]['out'] }

export interface FakeBackendOptions {
  readonly parameters?: SiteParameters
  /** What the store would answer; what is not here fails the test that asks for it. */
  readonly answers?: Answers
  readonly overrides?: Partial<ConsoleBackend>
}

/** A daemon of which only what a test sets up is there. `told` is given what a commit appended. */
export function fakeBackend(options: FakeBackendOptions = {}): {
  readonly backend: ConsoleBackend
  readonly told: Parameters<ConsoleBackend['onAppended']>[0]
} {
  const { parameters = siteOf(2), answers = {}, overrides = {} } = options
  const handlers: Parameters<ConsoleBackend['onAppended']>[0][] = []
  const backend: ConsoleBackend = {
    query: (command, input) => {
      const answer = answers[command]
      return answer === undefined ? Promise.reject(new Error(`nothing was asked of ${command}`)) : Promise.resolve(answer(input))
    },
    onAppended: (handler) => void handlers.push(handler),
    site: () => ({
      parameters,
      parameterHash: 'f00d',
      software: 'wattkeep 0.0.0',
      startedAt: monotonicMs(0),
      masters: 0,
      withoutCredentials: [],
    }),
    clock: () => ({ at: consoleNow, trusted: true, monotonic: monotonicMs(3_600_000), boot: 'boot-1' }),
    collection: () => null,
    links: () => [],
    uplink: () => [],
    network: () => null,
    trace: (link) => (link === linkId('rs485-1') ? [] : null),
    read: () => Promise.resolve(fail({ code: 'held', at: 'meter', message: 'the meter has been silent' })),
    intake: () => Promise.resolve({ accepted: false, code: 'unknown-key', message: 'no such key is registered' }),
    disk: () => ({ freeBytes: 1_000_000_000, reserveBytes: 1_000_000, budgetBytes: 2_000_000_000 }),
    loops: () => Promise.resolve([]),
    noteSelfTest: () => Promise.resolve(1),
    ...overrides,
  }
  return { backend, told: (ends) => handlers.forEach((handler) => handler(ends)) }
}

/** Asks a daemon of which only what a test sets up is there; a refusal throws its code and place. */
export async function askConsole<C extends ConsoleCall>(call: C, options: FakeBackendOptions): Promise<ConsoleAnswers[C['ask']]> {
  const { answer, close } = answerer({ backend: fakeBackend(options).backend, addressOf: () => null })
  const result = await answer(call)
  close()
  if (!result.ok) throw new Error(`${result.error.code} ${result.error.at}`)
  return result.value as ConsoleAnswers[C['ask']]
}

/** Every stream has records up to `hi`. */
export const extentsUpTo = (hi: number) => ({
  epoch: 1,
  extents: streams.map((stream) => ({ stream, lo: 1, hi })),
  tombstones: [],
  counters: {},
})
