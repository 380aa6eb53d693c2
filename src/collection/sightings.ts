import type { EpochMs, EventFact, MeterId } from '../model/index.js'
import { epochMs } from '../model/index.js'
import type { ClockRules } from './clock-care.js'
import { observeClock } from './clock-care.js'
import type { Sighting } from './dispatch.js'
import { parseMeterTime } from './meter-time.js'
import type { MeterState } from './meter-state.js'
import type { Now } from './now.js'
import type { RelaySighting } from './relay-sighting.js'
import { relaySighting } from './relay-sighting.js'

/** A relay in a status word that was read in passing; null: it was none. */
export function relaySeen({ owner, asked, values }: Sighting): ({ readonly meter: MeterId } & RelaySighting) | null {
  const { meter, profile } = owner.plan.target
  const relay = profile.relay ? relaySighting(asked.item.item, values) : null
  return relay === null ? null : { meter: meter.id, ...relay }
}

/**
 * A meter's clock among the values of a clock task, noted in its state when ours is right.
 *
 * @returns its difference to ours, and what is to be told; null when no clock was read
 */
export function clockSeen(
  { owner, asked, values, agoMs }: Sighting,
  state: MeterState,
  now: Now,
  options: { readonly utcOffsetMinutes: number; readonly clockRules: ClockRules },
): { readonly clock: { readonly meter: MeterId; readonly driftMs: number }; readonly event: EventFact | null } | null {
  const { meter } = owner.plan.target
  if (owner.plan.task.kind !== 'clock') return null
  const meterTime = values.map((value) => parseMeterTime(value, options.utcOffsetMinutes)).find((time) => time !== null)
  if (meterTime === undefined || meterTime === null) return null
  const at: EpochMs = epochMs(Math.round(now.wall - agoMs))
  const driftMs = meterTime - at
  const seen = { clock: { meter: meter.id, driftMs }, event: null }
  if (!now.trusted) return seen
  const { clock, finding } = observeClock(state.clock, { meter: meterTime, at, delayMs: agoMs }, options.clockRules)
  state.clock = clock
  if (finding === 'none') return seen
  const severity = finding === 'faulty' ? 'alarm' : 'warning'
  const detail = { driftMs, item: asked.item.item }
  return { ...seen, event: { code: `meter-clock.${finding}`, severity, meter: meter.id, link: meter.link, detail } }
}
