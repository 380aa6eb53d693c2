import { epochMs, type EpochMs, type JournalledOrder } from '../model/index.js'
import type { ConsoleBackend } from './backend.js'

/** Records of the `result` stream that are looked through for orders' times; of older ones it is not known. */
export const resultsLookedMax = 2_000
const recordsPerQuery = 250
const bytesMax = 4_194_304

/** What the record says of how an order ended. */
export interface ToldOutcome {
  /** When its latest stage was told, and in which run of the daemon. */
  readonly at: EpochMs
  readonly boot: string
  /** The latest time that its outcome was told to be unknown: in which run, after how many attempts. */
  readonly unknown: { readonly boot: string; readonly attempts: number } | null
}

/** The latest stage of each order. */
export type Told = ReadonlyMap<number, ToldOutcome>

/** Looks through the `result` stream from its newest end until there is enough. @returns orders by their numbers in the journal, newest first */
export async function outcomeTimes(backend: ConsoleBackend, isEnough: (told: Told) => boolean): Promise<Told> {
  const { extents } = await backend.query('extents', {})
  const extent = extents.find(({ stream }) => stream === 'result')
  const told = new Map<number, ToldOutcome>()
  if (extent === undefined) return told
  const least = Math.max(extent.lo, extent.hi - resultsLookedMax + 1)
  for (let last = extent.hi; last >= least && !isEnough(told); last -= recordsPerQuery) {
    const first = Math.max(least, last - recordsPerQuery + 1)
    const input = { stream: 'result', first, maxCount: last - first + 1, maxBytes: bytesMax } as const
    const { records } = await backend.query('read-stream', input)
    for (const { body } of [...records].reverse()) note(body, told)
  }
  return told
}

/** The store wrote these bodies; one whose row was lost says nothing. */
function note({ order, stage, attempts, stamp }: Readonly<Record<string, unknown>>, told: Map<number, ToldOutcome>): void {
  if (typeof order !== 'number' || typeof stamp !== 'object' || stamp === null || !('receivedAt' in stamp)) return
  if (typeof stamp.receivedAt !== 'number') return
  const boot = 'boot' in stamp && typeof stamp.boot === 'string' ? stamp.boot : ''
  const known = told.get(order) ?? { at: epochMs(stamp.receivedAt), boot, unknown: null }
  const unknown = stage === 'unknown' ? { boot, attempts: typeof attempts === 'number' ? attempts : 0 } : null
  told.set(order, { ...known, unknown: known.unknown ?? unknown })
}

/** Answers of a request of which it is not known whether the meter took it. */
const doubtfulAnswers: readonly unknown[] = ['no-reply', 'garbled', 'bus-down']

/** Whether an order's outcome may have been told to be unknown before it ended. */
export const mayHaveBeenInDoubt = ({ attempts, evidence }: JournalledOrder): boolean =>
  attempts > 0 && (doubtfulAnswers.includes(evidence['answer']) || 'readBack' in evidence)

/**
 * Whether the outcome of an order was found, by reading the meter, in a later run of the daemon than the one that sent it.
 *
 * Evidence is kept when a stage is told. An order that was sent and read back without any answer lost the answer with its run; one
 * whose doubt was told in one run and ended in another was verified in the second, unless that one sent it once more.
 */
export function isVerifiedAfterRestart({ stage, attempts, evidence }: JournalledOrder, told: ToldOutcome | null): boolean {
  if (stage !== 'done' && stage !== 'failed' && stage !== 'expired') return false
  if (evidence['note'] === 'judged after a restart') return true
  if (attempts === 0 || !('word' in evidence || 'readBack' in evidence)) return false
  if (!('answer' in evidence)) return true
  if (told === null || told.unknown === null || told.unknown.boot === told.boot) return false
  return told.unknown.attempts === attempts || doubtfulAnswers.includes(evidence['answer'])
}
