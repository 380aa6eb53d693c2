import { epochMs, type EpochMs } from '../model/index.js'
import type { ConsoleBackend } from './backend.js'

/** Records of the `result` stream that are looked through for orders' times; of older ones it is not known. */
export const resultsLookedMax = 2_000
const recordsPerQuery = 250
const bytesMax = 4_194_304

/** When the latest stage of each order was told. */
export type Told = ReadonlyMap<number, EpochMs>

/** Looks through the `result` stream from its newest end until there is enough. @returns orders by their numbers in the journal, newest first */
export async function outcomeTimes(backend: ConsoleBackend, isEnough: (told: Told) => boolean): Promise<Told> {
  const { extents } = await backend.query('extents', {})
  const extent = extents.find(({ stream }) => stream === 'result')
  const told = new Map<number, EpochMs>()
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
function note({ order, stamp }: Readonly<Record<string, unknown>>, told: Map<number, EpochMs>): void {
  if (typeof order !== 'number' || typeof stamp !== 'object' || stamp === null || !('receivedAt' in stamp)) return
  if (typeof stamp.receivedAt === 'number' && !told.has(order)) told.set(order, epochMs(stamp.receivedAt))
}
