import { epochMs, type EpochMs } from '../model/index.js'
import type { ConsoleBackend } from './backend.js'

/** Records of the `result` stream that are looked through for an order's time; of older ones it is not known. */
export const resultsLookedMax = 2_000
const bytesMax = 4_194_304

/** When the latest stage of each order was told, by its number in the journal, oldest first. */
export async function results(backend: ConsoleBackend): Promise<ReadonlyMap<number, EpochMs>> {
  const { extents } = await backend.query('extents', {})
  const hi = extents.find(({ stream }) => stream === 'result')?.hi ?? 0
  const told = new Map<number, EpochMs>()
  for (let first = Math.max(1, hi - resultsLookedMax + 1); first <= hi;) {
    const { records } = await backend.query('read-stream', {
      stream: 'result',
      first,
      maxCount: hi - first + 1,
      maxBytes: bytesMax,
    })
    const last = records.at(-1)
    if (last === undefined) break
    for (const { body } of records) note(body, told)
    first = last.seq + 1
  }
  return told
}

/** The store wrote these bodies; one whose row was lost says nothing. */
function note(body: Readonly<Record<string, unknown>>, told: Map<number, EpochMs>): void {
  const { order, stamp } = body
  if (typeof order !== 'number' || typeof stamp !== 'object' || stamp === null || !('receivedAt' in stamp)) return
  if (typeof stamp.receivedAt !== 'number') return
  told.delete(order)
  told.set(order, epochMs(stamp.receivedAt))
}
