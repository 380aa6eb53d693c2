import type { Span } from '../meter-quirks.js'

/** Ways in which modules of the field differ; the sources are those of the facts page on Q/GDW 1376.2, §2 to §5. */
export interface ModuleQuirks {
  /** Two letters each, and the firmware's number of four digits. */
  readonly vendor: string
  readonly chip: string
  readonly version: string
  /** Bytes of 00F1: 0 from a simulator, 4 in 2009, 6 since 2013. */
  readonly confirmationBytes: 0 | 4 | 6
  /** Status of 00F1: makers send FF or zeros. */
  readonly confirmationStatus: 'ones' | 'zeros'
  /** 00F1 with the direction bit of the concentrator and PRM 1. */
  readonly confirmsAsConcentrator: boolean
  /** The start-up report with PRM 0. */
  readonly startsWithoutPrm: boolean
  /** Says its run mode by itself after a start. */
  readonly reportsStart: boolean
  /** Nodes of one page at most. */
  readonly pageNodesMax: number
  /** In which order nodes are listed. */
  readonly nodeOrder: 'added' | 'address' | 'mixed'
  /** What a page that starts at 0 is: the first one, or refused. */
  readonly startZero: 'first' | 'refused'
  /** Lists the main node among the nodes. */
  readonly listsMainNode: boolean
  /** What `03F10` says of the node limit; null: as the medium has it. */
  readonly nodesMax: number | null
  /** How a read that failed is told: by 00F2, by length 0, or not at all. */
  readonly failsBy: 'denial' | 'empty' | 'silence'
  /** How a node that is not in the network is told: by 12 at once, or as any failure. */
  readonly absentBy: 'denial' | 'failure'
  /** Takes F1F1. */
  readonly concurrent: boolean
  /** Who leads as the run mode tells it; null: as the medium has it. 0 is what one old firmware used for both. */
  readonly periodMode: 0 | 1 | 2 | 3 | null
  /** Refuses 698.45 meters told as such. */
  readonly refuses698: boolean
  /** Refuses a read whose protocol differs from the archive's. */
  readonly checksProtocol: boolean
  /** 14F1 without the delay flag, as in the edition of 2009. */
  readonly edition: 2009 | 2013
  /** Asks for the clock after a start and once a day. */
  readonly asksClock: boolean
  /** Reports nodes that join by 06F1, and those a search finds by 06F1 or 06F4. */
  readonly reportsJoins: boolean
  readonly reportsFinds: '06F1' | '06F4'
  /** A node that loses its supply says so by 06F5, in its maker's own bytes. */
  readonly lastGasp: boolean
  /** Gives the answers without address field where they ought to have one. */
  readonly omitsAddresses: boolean
}

/** A module by the book. */
export const noModuleQuirks: ModuleQuirks = {
  vendor: 'SM',
  chip: 'W1',
  version: '0101',
  confirmationBytes: 6,
  confirmationStatus: 'ones',
  confirmsAsConcentrator: false,
  startsWithoutPrm: false,
  reportsStart: true,
  pageNodesMax: 20,
  nodeOrder: 'added',
  startZero: 'first',
  listsMainNode: false,
  nodesMax: null,
  failsBy: 'empty',
  absentBy: 'denial',
  concurrent: true,
  periodMode: null,
  refuses698: false,
  checksProtocol: false,
  edition: 2013,
  asksClock: false,
  reportsJoins: true,
  reportsFinds: '06F1',
  lastGasp: false,
  omitsAddresses: false,
}

/** Modules that differ in much at once, after what the facts page says of each family; the letters are made up. */
export const moduleVendors: Readonly<Record<'plain' | 'terse' | 'odd' | 'old', Partial<ModuleQuirks>>> = {
  plain: {},
  /** A simulator's ways: empty confirmations that look like the concentrator's. */
  terse: {
    vendor: 'TE',
    chip: 'R5',
    version: '2301',
    confirmationBytes: 0,
    confirmsAsConcentrator: true,
    startZero: 'refused',
    pageNodesMax: 8,
    nodeOrder: 'mixed',
    failsBy: 'denial',
  },
  /** One HPLC firmware's: start-up report with PRM 0, unsteady order, main node in its list. */
  odd: {
    vendor: 'OD',
    chip: 'D7',
    version: '0042',
    confirmationStatus: 'zeros',
    startsWithoutPrm: true,
    nodeOrder: 'address',
    listsMainNode: true,
    absentBy: 'failure',
    asksClock: true,
    reportsFinds: '06F4',
    lastGasp: true,
    periodMode: 1,
  },
  /** The edition of 2009: short confirmations, no delay flag, no concurrent reads, one number for both leaders. */
  old: {
    vendor: 'OL',
    chip: '09',
    version: '0009',
    confirmationBytes: 4,
    edition: 2009,
    concurrent: false,
    periodMode: 0,
    refuses698: true,
    reportsStart: false,
    startZero: 'refused',
    reportsJoins: false,
    omitsAddresses: true,
  },
}

/** Something that happens to a module at a true time. */
export interface ModuleEvent {
  readonly atMs: number
  readonly what:
    /** The supply of the slot blinks. */
    | { readonly kind: 'restart' }
    | { readonly kind: 'lose-archive' }
    /** Another module is put in: no archive, another maker. */
    | { readonly kind: 'replace'; readonly by: Partial<ModuleQuirks> }
    /** A meter's own report, as bytes. */
    | { readonly kind: 'event'; readonly address: string; readonly protocol: number; readonly bytes: Uint8Array }
}

/** What goes wrong in a module and its network. Shares are millionths, each drawn from the module's own seed. */
export interface ModuleFaults {
  /** Of each hop, there and back alike: the network tries again by itself until it gives the node up. */
  readonly hopLossPpm: number
  /** Of exchanges: whatever the network tries, no answer comes back. */
  readonly lostReadsPpm: number
  /** Of requests: refused as busy (9) although nothing is under way. */
  readonly deniedPpm: number
  /** Of answers: never leave the module, leave twice, or leave late by up to `lateMsMax`. */
  readonly mutePpm: number
  readonly twicePpm: number
  readonly latePpm: number
  readonly lateMsMax: number
  /** Of nodes: parents of these change more often and hops to them are lost three times as often. */
  readonly weakNodesPpm: number
  /** Of meters that are dead: their carrier unit lives and joins the network all the same. */
  readonly liveUnitsPpm: number
  /** True times at which the module hears and says nothing. */
  readonly hungSpans: readonly Span[]
  /** True times at which a node has no supply. */
  readonly awaySpans: (address: string) => readonly Span[]
  readonly events: readonly ModuleEvent[]
}

const noSpans: readonly Span[] = []

export const noModuleFaults: ModuleFaults = {
  hopLossPpm: 0,
  lostReadsPpm: 0,
  deniedPpm: 0,
  mutePpm: 0,
  twicePpm: 0,
  latePpm: 0,
  lateMsMax: 0,
  weakNodesPpm: 0,
  liveUnitsPpm: 500_000,
  hungSpans: noSpans,
  awaySpans: () => noSpans,
  events: [],
}
