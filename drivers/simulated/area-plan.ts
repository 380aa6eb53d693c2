import { linkId, meterAddress, meterId, type LinkId, type Meter, type RateSwitch } from '../../src/model/index.js'
import {
  busesMax,
  metersPerBusMax,
  noShares,
  simulatedPassword,
  type AreaOptions,
  type AreaShares,
  type LinkPlan,
  type MeterKind,
} from './area-options.js'
import { noFaults, type BusFaults } from './fault-plan.js'
import { usualProtocol } from './languages.js'
import { loadShape, sumOfLoads, type LoadKind, type LoadShape } from './load-shape.js'
import type { MeterOptions } from './meter.js'
import { noQuirks, type MeterQuirks } from './meter-quirks.js'
import { modbusPrefix } from './modbus-speaker.js'
import { hashText, seededRandom, type SeededRandom } from './random.js'
import { fourRateTable, oneRateTable } from './time-table.js'

export interface PlannedMeter {
  readonly options: MeterOptions
  /** The archive's line for it. */
  readonly meter: Meter
}
export interface PlannedBus {
  readonly link: LinkId
  readonly plan: LinkPlan
  readonly seed: number
  readonly faults: BusFaults
  readonly meters: readonly PlannedMeter[]
}

/**
 * Works an area out: the same options give the same meters.
 *
 * @throws RangeError for more links or meters than an area can have
 */
export function planArea(options: AreaOptions): readonly PlannedBus[] {
  const plans = linkPlans(options)
  const layout = layOut(options, plans)
  const kinds = drawKinds(options, layout.places.length)
  const planned = layout.places.map((place, index) => planMeter(options, { place, index, kinds, layout }))
  return plans.map((plan, bus) => {
    const meters = planned.filter((_, index) => layout.places[index]?.bus === bus)
    if (bus === 0 && options.supplyMeter === true) meters.push(supplyMeter(options, planned, layout))
    return {
      link: layout.links[bus] ?? linkId(''),
      plan,
      seed: hashText(options.seed, `bus ${bus}`),
      faults: { ...noFaults, ...(isWired(plan) ? options.faults : {}), ...plan.faults, ...options.faultsOf?.(bus) },
      meters: [...meters, ...devicesOf(options, { plan, bus, layout })],
    }
  })
}

/** The plan's links, or buses as they are without one. @throws RangeError for more than an area can have */
function linkPlans({ links, buses = 1, metersPerBus = 1 }: AreaOptions): readonly LinkPlan[] {
  const count = links?.length ?? buses
  if (!(count >= 1 && count <= busesMax)) throw new RangeError(`an area has 1 to ${busesMax} buses, not ${count}`)
  const plans = links ?? Array.from({ length: count }, (): LinkPlan => ({ kind: 'rs485', meters: metersPerBus }))
  const wrong = plans.find(({ meters }) => !(meters >= 1 && meters <= metersPerBusMax))
  if (wrong !== undefined) throw new RangeError(`a bus has 1 to ${metersPerBusMax} meters, not ${wrong.meters}`)
  return plans
}

/** Whether meters hang on wires whose faults the area as a whole decides. */
const isWired = ({ kind }: LinkPlan): boolean => kind === 'rs485'

interface Place {
  readonly bus: number
  /** Within its link, from 1. */
  readonly number: number
}

interface Layout {
  readonly plans: readonly LinkPlan[]
  readonly links: readonly LinkId[]
  /** Of all meters, in order. */
  readonly places: readonly Place[]
  /** Of each link: the protocol of the meter of a number. */
  readonly protocols: readonly ((number: number) => string)[]
}

function layOut(options: AreaOptions, plans: readonly LinkPlan[]): Layout {
  const links = plans.map(({ link }, bus) => linkId(link ?? `bus${bus + 1}`))
  if (new Set(links).size < links.length) throw new RangeError('two links of an area have one name')
  const places = plans.flatMap(({ meters }, bus) => Array.from({ length: meters }, (_, index) => ({ bus, number: index + 1 })))
  return { plans, links, places, protocols: plans.map((plan, bus) => protocolsOf(options, plan, bus)) }
}

/** The exact number of meters of each protocol, at places that the seed chooses. */
function protocolsOf({ seed }: AreaOptions, { meters, protocols = {} }: LinkPlan, bus: number): (number: number) => string {
  const places = shuffled(meters, seededRandom(seed).fork(`protocols ${bus}`))
  const chosen = new Map<number, string>()
  let at = 0
  for (const [protocol, ppm] of Object.entries(protocols)) {
    const end = Math.min(meters, at + Math.round((meters * ppm) / 1_000_000))
    for (; at < end; at++) chosen.set((places[at] ?? 0) + 1, protocol)
  }
  return (number) => chosen.get(number) ?? usualProtocol
}

const phaseNames = ['A', 'B', 'C'] as const
const metersPerBox = 6
/** Peak of the supply meter's secondary side, watts: 5 A current transformers. */
const secondaryPeakWatts = 3000
/** Behind a module an answer has to fit the one length byte of 13F1. */
const modulePieceBytes = 200

type Kinds = { readonly [K in keyof AreaShares]: ReadonlySet<number> }

/** The exact number of each kind, at places that the seed chooses. */
function drawKinds(options: AreaOptions, count: number): Kinds {
  const shares = { ...noShares, ...options.shares }
  const draw = (name: keyof AreaShares): ReadonlySet<number> => {
    const places = shuffled(count, seededRandom(options.seed).fork(`share ${name}`))
    return new Set(places.slice(0, Math.round((count * shares[name]) / 1_000_000)))
  }
  return {
    commercial: draw('commercial'),
    generation: draw('generation'),
    threePhase: draw('threePhase'),
    singleRate: draw('singleRate'),
    noFreezes: draw('noFreezes'),
    noProfile: draw('noProfile'),
    trailingAa: draw('trailingAa'),
    relayWords: draw('relayWords'),
    securityChip: draw('securityChip'),
    noPreamble: draw('noPreamble'),
    slow: draw('slow'),
    heartbeat: draw('heartbeat'),
    dead: draw('dead'),
  }
}

interface Planning {
  readonly place: Place
  readonly index: number
  readonly kinds: Kinds
  readonly layout: Layout
}

function planMeter(options: AreaOptions, { place, index, kinds, layout }: Planning): PlannedMeter {
  const seed = hashText(options.seed, `meter ${index}`)
  const random = seededRandom(seed)
  const kind: LoadKind = kinds.generation.has(index) ? 'generation' : kinds.commercial.has(index) ? 'commercial' : 'residential'
  const phases = kinds.threePhase.has(index) ? 3 : 1
  const rates = kinds.singleRate.has(index) ? 1 : 4
  const peakWatts = (phases === 3 ? 6000 : 1200) + random.below(phases === 3 ? 9000 : 2400)
  const protocol = layout.protocols[place.bus]?.(place.number) ?? usualProtocol
  const load = loadShape({ kind, seed, peakWatts })
  const base = meterBase(options, { ...place, seed, load, phases, rates, random })
  const medium = isBehindModule(layout.plans[place.bus]) ? { pieceBytes: modulePieceBytes } : {}
  const quirks = { ...noQuirks, ...medium, ...options.quirks, ...quirksOf(kinds, index), ...options.quirksOf?.(index) }
  const role = kind === 'generation' ? 'generation' : 'customer'
  return {
    options: { ...base, ...options.optionsOf?.(index), quirks, protocol },
    meter: archiveLine(options, layout, { ...place, phases, rates, ct: 1, role, protocol, address: base.address }),
  }
}

const isBehindModule = (plan: LinkPlan | undefined): boolean =>
  plan !== undefined && plan.kind !== 'rs485' && plan.kind !== 'radio-modem'

/** Modbus devices of a link: their addresses are 1, 2 …, and their load is small and steady. */
function devicesOf(
  options: AreaOptions,
  on: { readonly plan: LinkPlan; readonly bus: number; readonly layout: Layout },
): readonly PlannedMeter[] {
  return (on.plan.devices ?? []).map((modbusMap, index) => {
    const seed = hashText(options.seed, `device ${on.bus} ${index}`)
    const place = { bus: on.bus, number: on.plan.meters + 2 + index }
    const load = loadShape({ kind: 'commercial', seed, peakWatts: 1500 })
    const base = meterBase(options, { ...place, seed, load, phases: 3, rates: 1, random: seededRandom(seed) })
    const address = String(index + 1)
    const protocol = `${modbusPrefix}${modbusMap.name}`
    return {
      options: { ...base, address, protocol, modbusMap, quirks: { ...noQuirks, ...options.quirks } },
      meter: archiveLine(options, on.layout, { ...place, phases: 3, rates: 1, ct: 1, role: 'customer', protocol, address }),
    }
  })
}

function quirksOf(kinds: Kinds, index: number): Partial<MeterQuirks> {
  return {
    ...(kinds.noFreezes.has(index) && { noFreezes: true }),
    ...(kinds.noProfile.has(index) && { noProfile: true }),
    ...(kinds.trailingAa.has(index) && { trailingAa: true }),
    ...(kinds.relayWords.has(index) && { relayRefusal: 'word', executionWord: true }),
    ...(kinds.securityChip.has(index) && { needsSecurityChip: true }),
    ...(kinds.noPreamble.has(index) && { preamble: 0 }),
    ...(kinds.slow.has(index) && { replyDelayMs: { min: 300, max: 500 } }),
    ...(kinds.heartbeat.has(index) && { heartbeatEveryMs: 300_000 }),
    ...(kinds.dead.has(index) && { deadSpans: [{ fromMs: 0, toMs: Number.POSITIVE_INFINITY }] }),
  }
}

interface Base {
  readonly bus: number
  readonly number: number
  readonly seed: number
  readonly load: LoadShape
  readonly phases: 1 | 3
  readonly rates: number
  readonly random: SeededRandom
}

function meterBase(options: AreaOptions, base: Base): Omit<MeterOptions, 'quirks'> {
  const { random, seed, phases, rates } = base
  const around = (max: number): number => random.below(2 * max + 1) - max
  const table: readonly RateSwitch[] = rates === 1 ? oneRateTable : (options.table ?? fourRateTable)
  return {
    address: addressOf(options.seed, base),
    seed,
    installedAt: options.startsAt - (options.historyMs ?? 0),
    utcOffsetMinutes: options.utcOffsetMinutes,
    load: base.load,
    point: { seed, phases, sourceDv: 2310, dropDvPerKw: 5 + random.below(20), neighboursDropDv: 40 + random.below(80) },
    rates,
    table,
    initialForward: 10_000 + random.below(5_000_000),
    clockOffsetMs: around(options.clockOffsetMsMax ?? 2000),
    clockDriftPpm: around(options.clockDriftPpmMax ?? 6),
    profileIntervalMinutes: options.profileIntervalMinutes ?? 15,
    profileDays: options.profileDays ?? 40,
    password: options.password ?? simulatedPassword,
  }
}

/** All loads and 4 % of loss, measured on the secondary side. */
function supplyMeter(options: AreaOptions, planned: readonly PlannedMeter[], layout: Layout): PlannedMeter {
  const seed = hashText(options.seed, 'supply meter')
  const sum = sumOfLoads(
    planned.map((line) => line.options.load),
    40_000,
  )
  const ct = Math.max(1, Math.ceil((planned.length * 3000) / secondaryPeakWatts / 5) * 5)
  const load = { wattsAt: (quarter: number): number => Math.floor(sum.wattsAt(quarter) / ct) }
  const place = { bus: 0, number: (layout.plans[0]?.meters ?? 0) + 1 }
  const base = meterBase(options, { ...place, seed, load, phases: 3, rates: 4, random: seededRandom(seed) })
  return {
    options: { ...base, quirks: { ...noQuirks, ...options.quirks } },
    meter: archiveLine(options, layout, {
      ...place,
      ...{ phases: 3, rates: 4, ct, role: 'area-supply', protocol: usualProtocol, address: base.address },
    }),
  }
}

interface Line extends MeterKind {
  readonly bus: number
  readonly number: number
  readonly ct: number
  readonly role: Meter['role']
  readonly address: string
}

function archiveLine(options: AreaOptions, layout: Layout, line: Line): Meter {
  const { bus, number, phases, rates, protocol } = line
  const profile = options.profileOf?.({ phases, rates, protocol }) ?? profileName(line)
  return {
    id: meterId(`m${bus + 1}-${String(number).padStart(3, '0')}`),
    address: meterAddress(line.address),
    protocol,
    link: layout.links[bus] ?? linkId(''),
    profile,
    ct: line.ct,
    pt: 1,
    role: line.role,
    phase: phases === 3 ? 'ABC' : (phaseNames[number % 3] ?? 'A'),
    box: `box-${bus + 1}-${Math.floor((number - 1) / metersPerBox) + 1}`,
  }
}

/** One profile for meters of one phase and of three: what it reads, both have. */
const oldProtocol = 'dlt645-1997'

function profileName({ protocol, phases }: Line): string {
  if (protocol.startsWith(modbusPrefix)) return `modbus-${protocol.slice(modbusPrefix.length)}`
  if (protocol === oldProtocol) return protocol
  return `${protocol}-${phases === 3 ? 'three' : 'single'}-phase`
}

/** Two digits of the seed, four of the bus, six of the meter. */
function addressOf(seed: number, place: { readonly bus: number; readonly number: number }): string {
  const digits = (value: number, length: number): string => String(value).padStart(length, '0')
  return digits(seed % 100, 2) + digits(place.bus + 1, 4) + digits(place.number, 6)
}

function shuffled(count: number, random: SeededRandom): readonly number[] {
  const places = Array.from({ length: count }, (_, index) => index)
  for (let index = count - 1; index > 0; index--) {
    const other = random.below(index + 1)
    const [a = 0, b = 0] = [places[index], places[other]]
    places[index] = b
    places[other] = a
  }
  return places
}
