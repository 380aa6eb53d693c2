import { linkId, meterAddress, meterId, type LinkId, type Meter, type RateSwitch } from '../../src/model/index.js'
import { noFaults, type BusFaults } from './fault-plan.js'
import { loadShape, sumOfLoads, type LoadKind, type LoadShape } from './load-shape.js'
import type { MeterOptions } from './meter.js'
import { noQuirks, type MeterQuirks } from './meter-quirks.js'
import { hashText, seededRandom, type SeededRandom } from './random.js'
import { fourRateTable, oneRateTable } from './time-table.js'

/** How many of all meters are of a kind, in millionths; which ones follows from the seed. */
export interface AreaShares {
  readonly commercial: number
  readonly generation: number
  readonly threePhase: number
  readonly singleRate: number
  readonly noFreezes: number
  readonly noProfile: number
  readonly trailingAa: number
  /** Error and execution words of 2013. */
  readonly relayWords: number
  readonly securityChip: number
  readonly noPreamble: number
  /** Answers after 300 … 500 ms. */
  readonly slow: number
  readonly heartbeat: number
  /** Never answers. */
  readonly dead: number
}

export const noShares: AreaShares = {
  commercial: 0,
  generation: 0,
  threePhase: 0,
  singleRate: 0,
  noFreezes: 0,
  noProfile: 0,
  trailingAa: 0,
  relayWords: 0,
  securityChip: 0,
  noPreamble: 0,
  slow: 0,
  heartbeat: 0,
  dead: 0,
}

/** A transformer area in a few lines; the rest follows from the seed. */
export interface AreaOptions {
  readonly seed: number
  readonly buses: number
  readonly metersPerBus: number
  /** True time (ms since 1970, UTC) at which the area begins. */
  readonly startsAt: number
  readonly utcOffsetMinutes: number
  readonly baud: number
  /** Meters run this long before the start, so that they have a history; ms. */
  readonly historyMs?: number
  readonly shares?: Partial<AreaShares>
  /** For every bus; `faultsOf` changes them for one. */
  readonly faults?: Partial<BusFaults>
  readonly faultsOf?: (bus: number) => Partial<BusFaults>
  /** For every meter; `quirksOf` changes them for one, counted over all buses. */
  readonly quirks?: Partial<MeterQuirks>
  readonly quirksOf?: (meter: number) => Partial<MeterQuirks>
  /** What else is special about one meter, counted over all buses: its registers at the start, its load, its clock. */
  readonly optionsOf?: (meter: number) => Partial<Omit<MeterOptions, 'address' | 'quirks'>>
  /** Day table of meters with four rates; default: as the grid's. */
  readonly table?: readonly RateSwitch[]
  /** Level and password of every meter. */
  readonly password?: string
  /** A meter of the whole area behind current transformers, the last one of the first bus. */
  readonly supplyMeter?: boolean
  readonly clockOffsetMsMax?: number
  readonly clockDriftPpmMax?: number
  readonly profileIntervalMinutes?: number
  readonly profileDays?: number
  /** Name of the archive's profile for a kind of meter. */
  readonly profileOf?: (kind: MeterKind) => string
}

export interface MeterKind {
  readonly phases: 1 | 3
  readonly rates: number
}

/** Buses and meters of one area, and addresses that can be told apart at sight. */
export const busesMax = 99
export const metersPerBusMax = 9999

export interface PlannedMeter {
  readonly options: MeterOptions
  /** The archive's line for it. */
  readonly meter: Meter
}
export interface PlannedBus {
  readonly link: LinkId
  readonly seed: number
  readonly faults: BusFaults
  readonly meters: readonly PlannedMeter[]
}

/** Baud rate to wire time of a byte: start, 8 data, parity, stop; 0 baud is no pace. */
export const byteMsOf = (baud: number): number => (baud > 0 ? 11_000 / baud : 0)

/** Password of level 02 of simulated meters where none is given. */
export const simulatedPassword = '02123456'

/**
 * Works an area out: the same options give the same meters.
 *
 * @throws RangeError for more buses or meters than an area can have
 */
export function planArea(options: AreaOptions): readonly PlannedBus[] {
  const { buses, metersPerBus } = options
  if (!(buses >= 1 && buses <= busesMax)) throw new RangeError(`an area has 1 to ${busesMax} buses, not ${buses}`)
  if (!(metersPerBus >= 1 && metersPerBus <= metersPerBusMax)) {
    throw new RangeError(`a bus has 1 to ${metersPerBusMax} meters, not ${metersPerBus}`)
  }
  const kinds = drawKinds(options)
  const planned = Array.from({ length: buses * metersPerBus }, (_, index) => planMeter(options, index, kinds))
  const list = Array.from({ length: buses }, (_, bus) => planned.slice(bus * metersPerBus, (bus + 1) * metersPerBus))
  if (options.supplyMeter === true) list[0]?.push(supplyMeter(options, planned))
  return list.map((meters, bus) => ({
    link: linkOf(bus),
    seed: hashText(options.seed, `bus ${bus}`),
    faults: { ...noFaults, ...options.faults, ...options.faultsOf?.(bus) },
    meters,
  }))
}

const linkOf = (bus: number): LinkId => linkId(`bus${bus + 1}`)
const phaseNames = ['A', 'B', 'C'] as const
const metersPerBox = 6
/** Peak of the supply meter's secondary side, watts: 5 A current transformers. */
const secondaryPeakWatts = 3000

type Kinds = { readonly [K in keyof AreaShares]: ReadonlySet<number> }

/** The exact number of each kind, at places that the seed chooses. */
function drawKinds(options: AreaOptions): Kinds {
  const count = options.buses * options.metersPerBus
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

function planMeter(options: AreaOptions, index: number, kinds: Kinds): PlannedMeter {
  const seed = hashText(options.seed, `meter ${index}`)
  const random = seededRandom(seed)
  const kind: LoadKind = kinds.generation.has(index) ? 'generation' : kinds.commercial.has(index) ? 'commercial' : 'residential'
  const phases = kinds.threePhase.has(index) ? 3 : 1
  const rates = kinds.singleRate.has(index) ? 1 : 4
  const peakWatts = (phases === 3 ? 6000 : 1200) + random.below(phases === 3 ? 9000 : 2400)
  const place = { bus: Math.floor(index / options.metersPerBus), number: (index % options.metersPerBus) + 1 }
  const load = loadShape({ kind, seed, peakWatts })
  const base = meterBase(options, { ...place, seed, load, phases, rates, random })
  const quirks = { ...noQuirks, ...options.quirks, ...quirksOf(kinds, index), ...options.quirksOf?.(index) }
  return {
    options: { ...base, ...options.optionsOf?.(index), quirks },
    meter: archiveLine(options, { ...place, phases, rates, ct: 1, role: kind === 'generation' ? 'generation' : 'customer' }),
  }
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
function supplyMeter(options: AreaOptions, planned: readonly PlannedMeter[]): PlannedMeter {
  const seed = hashText(options.seed, 'supply meter')
  const sum = sumOfLoads(
    planned.map((line) => line.options.load),
    40_000,
  )
  const ct = Math.max(1, Math.ceil((planned.length * 3000) / secondaryPeakWatts / 5) * 5)
  const load = { wattsAt: (quarter: number): number => Math.floor(sum.wattsAt(quarter) / ct) }
  const place = { bus: 0, number: options.metersPerBus + 1 }
  const base = meterBase(options, { ...place, seed, load, phases: 3, rates: 4, random: seededRandom(seed) })
  return {
    options: { ...base, quirks: { ...noQuirks, ...options.quirks } },
    meter: archiveLine(options, { ...place, phases: 3, rates: 4, ct, role: 'area-supply' }),
  }
}

interface Line extends MeterKind {
  readonly bus: number
  readonly number: number
  readonly ct: number
  readonly role: Meter['role']
}

function archiveLine(options: AreaOptions, line: Line): Meter {
  const { bus, number, phases, rates } = line
  const profile = options.profileOf?.({ phases, rates }) ?? `dlt645-2007-${phases === 3 ? 'three' : 'single'}-phase`
  return {
    id: meterId(`m${bus + 1}-${String(number).padStart(3, '0')}`),
    address: meterAddress(addressOf(options.seed, line)),
    protocol: 'dlt645-2007',
    link: linkOf(bus),
    profile,
    ct: line.ct,
    pt: 1,
    role: line.role,
    phase: phases === 3 ? 'ABC' : (phaseNames[number % 3] ?? 'A'),
    box: `box-${bus + 1}-${Math.floor((number - 1) / metersPerBox) + 1}`,
  }
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
