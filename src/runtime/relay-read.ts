import type { RelaySighting } from '../collection/index.js'
import { monotonicMs } from '../model/index.js'
import type { MeterId } from '../model/index.js'
import type { LiveCallSite } from './live-call.js'

/** On slow media the exchange in flight and two of its own. */
const relayReadMsMin = 60_000

/** Reads the state of a meter's relay at the priority of threshold watches. @returns null when there is none, or it did not say */
export async function readRelay(id: MeterId, site: LiveCallSite): Promise<RelaySighting | null> {
  const meter = site.parameters.meters.find((known) => known.id === id)
  const relay = meter && site.protocols.get(meter.protocol)?.relay
  const runner = meter && site.runners.get(meter.link)
  if (relay === undefined || runner === undefined || meter === undefined) return null
  const expiresAt = monotonicMs(site.clock.monotonic() + Math.max(relayReadMsMin, 3 * (runner.exchangeMsMax ?? 0)))
  const session = relay.state(meter.address, 2)
  const result = await runner.run({ meter: meter.address, session, priority: 'threshold-watch', expiresAt })
  if (result.kind !== 'settled' || result.outcome.kind !== 'known') return null
  const { contact, alarm, protected: isProtected } = result.outcome
  return { contact, alarm, protected: isProtected }
}
