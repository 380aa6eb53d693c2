import { linkKinds, type AreaOptions, type LinkKind, type LinkPlan, type SimulatedArea } from '../../drivers/simulated/index.js'
import { seededRandom } from '../../drivers/simulated/random.js'
import { dayMs } from '../../src/model/index.js'

/** How large the area is, and for how long it is looked at. */
export interface LargeAreaScale {
  readonly days: number
  /** Meters, and dead ones among them, in the order of `linkKinds` with RS-485 on two buses. */
  readonly links: readonly { readonly kind: LinkKind; readonly meters: number; readonly dead: number }[]
}

/** A transformer area as large as one concentrator's may be: 2,000 meters on mixed links, 1 % dead, over a week. */
export const wholeArea: LargeAreaScale = {
  days: 7,
  links: [
    { kind: 'rs485', meters: 32, dead: 1 },
    { kind: 'rs485', meters: 32, dead: 1 },
    { kind: 'plc-hplc', meters: 1236, dead: 11 },
    { kind: 'plc-narrow', meters: 500, dead: 5 },
    { kind: 'wireless', meters: 180, dead: 1 },
    { kind: 'radio-modem', meters: 20, dead: 1 },
  ],
}

/** The same mix with a tenth of the meters, wires not quite so short; on each link one is dead, which is more than 1 %. */
export const tenthOfArea: LargeAreaScale = {
  days: 2,
  links: wholeArea.links.map(({ kind, meters }) => ({
    kind,
    meters: Math.max(kind === 'rs485' ? 8 : 4, Math.round(meters / 10)),
    dead: 1,
  })),
}

/** 2026-05-31 17:00 local. */
const startsAt = Date.UTC(2026, 4, 31, 9, 0, 0)
/** Of 698.45 and of the edition of 1997; the rest speaks the edition of 2007. */
const protocols = { 'dlt698-45': 300_000, 'dlt645-1997': 50_000 }
/** Of exchanges: one in twenty brings nothing, whichever way it was lost. */
export const lossPpm = 50_000
/** Of hops: what the network's own tries make good costs it time. */
export const hopLossPpm = 20_000

/** Of the radio modems, bits a second; and of the wires behind them and of RS-485, baud. */
export const airRate = 2400
const baud = 2400

/** Every link loses one exchange in twenty; which meters are dead follows from the seed. */
export function largeAreaOptions(seed: number, { links }: LargeAreaScale): AreaOptions {
  const dead = deadMeters(seed, links)
  return {
    seed,
    links: links.map(({ kind, meters }) => linkPlan(kind, meters)),
    startsAt,
    utcOffsetMinutes: 480,
    baud,
    historyMs: 2 * dayMs,
    profileDays: 4,
    shares: { slow: 20_000, trailingAa: 50_000, noPreamble: 50_000 },
    quirksOf: (meter) => (dead.has(meter) ? { deadSpans: [{ fromMs: 0, toMs: Number.POSITIVE_INFINITY }] } : {}),
  }
}

function linkPlan(kind: LinkKind, meters: number): LinkPlan {
  const plan = { kind, meters, protocols }
  switch (kind) {
    case 'rs485':
      return { ...plan, faults: { lostRequestsPpm: lossPpm / 2, lostRepliesPpm: lossPpm / 2 } }
    case 'radio-modem':
      return { ...plan, modem: { airRate, faults: { lostPacketsPpm: lossPpm / 2 } } }
    case 'plc-hplc':
    case 'plc-narrow':
    case 'wireless':
      return { ...plan, module: { faults: { lostReadsPpm: lossPpm, hopLossPpm } } }
  }
}

/** Numbers of the dead meters, counted over all links. */
function deadMeters(seed: number, links: LargeAreaScale['links']): ReadonlySet<number> {
  const random = seededRandom(seed).fork('dead meters')
  const dead = new Set<number>()
  let first = 0
  for (const { meters, dead: count } of links) {
    const before = dead.size
    while (dead.size < before + count) dead.add(first + random.below(meters))
    first += meters
  }
  return dead
}

/** Media that carry hourly reads beside the freezes; the others get a status three times a day. */
const quickKinds: readonly LinkKind[] = ['rs485', 'plc-hplc']

/** What a site would ask of such an area: the freeze of every meter, and beside it what its medium can carry. */
export function largeAreaTasks(area: SimulatedArea): string {
  const idsOn = (kinds: readonly LinkKind[]): string => {
    const links = new Set(area.buses.filter(({ kind }) => kinds.includes(kind)).map(({ link }) => link))
    return area.archive.flatMap(({ id, link }) => (links.has(link) ? [id] : [])).join(', ')
  }
  const quick = `meters: { ids: [${idsOn(quickKinds)}] }`
  const slow = `meters: { ids: [${idsOn(linkKinds.filter((kind) => !quickKinds.includes(kind)))}] }`
  return `tasks:
  - { id: daily-freeze, kind: daily-freeze, cron: '0 0 * * *', items: [energy], closesAfterMinutes: 1380 }
  - { id: curve, kind: curve, cron: '0 * * * *', items: [energy], closesAfterMinutes: 360, ${quick} }
  - { id: status, kind: status, cron: '22 */2 * * *', items: [status, status-3], ${quick} }
  - { id: status-slow, kind: status, cron: '22 8,14,20 * * *', items: [status, status-3], liveWindowMinutes: 60, closesAfterMinutes: 60, ${slow} }
  - { id: clock, kind: clock, cron: '17 3 * * *', items: [clock] }
`
}

/** Ids of the meters that never answer. */
export function deadIn(area: SimulatedArea): ReadonlySet<string> {
  return new Set(area.archive.filter(({ id }) => area.meter(id).options.quirks.deadSpans.length > 0).map(({ id }) => id))
}
