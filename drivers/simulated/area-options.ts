import type { RateSwitch } from '../../src/model/index.js'
import type { ModbusMap } from '../../src/protocols/modbus/index.js'
import type { BusFaults } from './fault-plan.js'
import type { MeterOptions } from './meter.js'
import type { MeterQuirks } from './meter-quirks.js'
import type { MediumFigures, ModuleFaults, ModuleMedium, ModuleQuirks } from './module/index.js'
import type { ModemOptions } from './radio-modem.js'

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

/** What a concentrator's port leads to. */
export const linkKinds = ['rs485', 'plc-hplc', 'plc-narrow', 'wireless', 'radio-modem'] as const
export type LinkKind = 'rs485' | 'radio-modem' | ModuleMedium

/** One link of an area with what hangs behind it. */
export interface LinkPlan {
  readonly kind: LinkKind
  readonly meters: number
  /** Default: `bus1`, `bus2` … in the order of the list. */
  readonly link?: string
  /** RS-485, and the wires behind radio modems; default: the area's. */
  readonly baud?: number
  /** Protocols other than DL/T 645-2007 by their names, in millionths of the link's meters; which ones follows from the seed. */
  readonly protocols?: Readonly<Record<string, number>>
  /** Modbus devices beside the meters, one of each map; their addresses are 1, 2 … */
  readonly devices?: readonly ModbusMap[]
  /** Of the wires; behind a module's port those of the short wire to the module. */
  readonly faults?: Partial<BusFaults>
  readonly module?: ModulePlan
  readonly modem?: Partial<Omit<ModemOptions, 'wire' | 'seed' | 'clock' | 'timers' | 'trueStart' | 'meterBaud'>>
}

/** A local communication module and its network. */
export interface ModulePlan {
  readonly quirks?: Partial<ModuleQuirks>
  readonly faults?: Partial<ModuleFaults>
  readonly figures?: Partial<MediumFigures>
  /** 12 digits. */
  readonly mainNode?: string
  /** It knows all its meters, and its network stands, from long ago; default: it is new. */
  readonly stands?: boolean
}

/** A transformer area in a few lines; the rest follows from the seed. */
export interface AreaOptions {
  readonly seed: number
  /** Links of any kinds; or so many RS-485 buses with so many meters on each. */
  readonly links?: readonly LinkPlan[]
  readonly buses?: number
  readonly metersPerBus?: number
  /** True time (ms since 1970, UTC) at which the area begins. */
  readonly startsAt: number
  readonly utcOffsetMinutes: number
  readonly baud: number
  /** Meters run this long before the start, so that they have a history; ms. */
  readonly historyMs?: number
  readonly shares?: Partial<AreaShares>
  /** For every pair of wires (not those to modules); `faultsOf` changes them for one link. */
  readonly faults?: Partial<BusFaults>
  readonly faultsOf?: (bus: number) => Partial<BusFaults>
  /** For every meter; `quirksOf` changes them for one, counted over all links. */
  readonly quirks?: Partial<MeterQuirks>
  readonly quirksOf?: (meter: number) => Partial<MeterQuirks>
  /** What else is special about one meter, counted over all links: its registers at the start, its load, its clock. */
  readonly optionsOf?: (meter: number) => Partial<Omit<MeterOptions, 'address' | 'quirks' | 'protocol'>>
  /** Day table of meters with four rates; default: as the grid's. */
  readonly table?: readonly RateSwitch[]
  /** Level and password of every meter. */
  readonly password?: string
  /** A meter of the whole area behind current transformers, the last one of the first link. */
  readonly supplyMeter?: boolean
  readonly clockOffsetMsMax?: number
  readonly clockDriftPpmMax?: number
  readonly profileIntervalMinutes?: number
  readonly profileDays?: number
  /** Name of the archive's profile for a kind of meter. */
  readonly profileOf?: (kind: MeterKind) => string
}

/** What decides which profile a meter has. */
export interface MeterKind {
  readonly phases: 1 | 3
  readonly rates: number
  readonly protocol: string
}

/** Links and meters of one area, and addresses that can be told apart at sight. */
export const busesMax = 99
export const metersPerBusMax = 9999

/** Baud rate to wire time of a byte: start, 8 data, parity, stop; 0 baud is no pace. */
export const byteMsOf = (baud: number): number => (baud > 0 ? 11_000 / baud : 0)

/** Password of level 02 of simulated meters where none is given. */
export const simulatedPassword = '02123456'
