import type { StoreCommands } from '../ports/index.js'
import { billingReading } from '../prepaid/index.js'
import { noEffects } from './desk.js'
import type { Desk } from './desk.js'
import { DiskFullError } from './engine.js'

/**
 * Takes readings in and lets the rules price those that carry a billing register; they are priced also when a full disk keeps none of
 * them, because a cut or a warning must not wait for space.
 */
export function applyPoints(
  desk: Desk,
  { points, stamp }: StoreCommands['apply-points']['in'],
): StoreCommands['apply-points']['out'] {
  const ledgers = desk.inForce()
  const accepted = desk.engine.stage(points, stamp)
  const round = desk.round(stamp)
  for (const point of points) {
    const known = ledgers.meter(point.meter)
    const result = known === null ? null : billingReading(point, known.meter, known.profile)
    if (result === null || result.kind === 'none') continue
    if (result.kind === 'reading') ledgers.seen(point.meter, result.reading)
    const state = round.ofMeter(point.meter)
    if (state === null) continue
    if (result.kind === 'reading') round.decide(state, { kind: 'reading', reading: result.reading })
    else round.decide(state, { kind: 'unusable-reading', message: result.message })
  }
  try {
    if (!round.facts.isEmpty || desk.engine.isGroupFull) desk.commit(round.facts)
  } catch (error) {
    if (error instanceof DiskFullError) return { accepted: false, effects: noEffects }
    throw error
  }
  return { accepted, effects: round.settle() }
}
