/** What hangs on a concentrator's module slot. */
export const moduleMedia = ['plc-hplc', 'plc-narrow', 'wireless'] as const
export type ModuleMedium = (typeof moduleMedia)[number]

/**
 * How fast and how large a medium is. Where no source is named the figure is an assumption, chosen so that one read falls into the
 * range that the facts page on Q/GDW 1376.2 §6 (its own, unmeasured knowledge) and REQUIREMENTS ("narrowband PLC 1–3 s an exchange")
 * leave open; a site has to measure its own.
 */
export interface MediumFigures {
  /** Communication mode in the control byte (facts §2.1), and in the run mode (facts §3, 03F10). */
  readonly mode: number
  readonly commMode: number
  /** 1 concentrator-led, 3 both (facts §3, 03F10; radio modules never lead, §5). */
  readonly periodMode: number
  /** Told in the run mode: seen values of facts §3 and §6. */
  readonly slaveTimeoutS: number
  readonly maxFrame: number
  readonly maxFilePacket: number
  readonly nodesMax: number
  /** Exchanges under way in the network, and those that are taken before 109 is answered (facts §4.5: more than 20 is too many). */
  readonly servedAtOnce: number
  readonly windowMax: number
  /** One exchange with a node heard directly, more for each further hop, and what chance adds at most. Assumptions: 0.2–1 s, 1.5–6 s, 1–3 s. */
  readonly baseMs: number
  readonly hopMs: number
  readonly jitterMs: number
  /** The network gives a node up after so long; assumption, below the slave timeout that is told. */
  readonly giveUpMs: number
  /** Shares of nodes by hops, in percent: 1, 2, 3 … hops. Assumption; depth of radio: facts §5 (at most 7, own). */
  readonly depthPercents: readonly number[]
  /** From the start, or from the archive's change, until nodes heard directly are in the network; for each further level; and spread by chance. */
  readonly formMs: number
  readonly levelMs: number
  readonly spreadMs: number
  /** A change of the archive starts the networking after so long (radio: facts §5). */
  readonly settleMs: number
  /** A node that is back is in the network again after so long, and one that left is missed. Assumptions. */
  readonly rejoinMs: number
  readonly missedMs: number
  /** A broadcast for each level; assumption. */
  readonly broadcastLevelMs: number
}

export const figuresOf: Readonly<Record<ModuleMedium, MediumFigures>> = {
  'plc-hplc': {
    mode: 3,
    commMode: 2,
    periodMode: 3,
    slaveTimeoutS: 60,
    maxFrame: 527,
    maxFilePacket: 400,
    nodesMax: 2040,
    servedAtOnce: 5,
    windowMax: 20,
    baseMs: 180,
    hopMs: 130,
    jitterMs: 120,
    giveUpMs: 12_000,
    depthPercents: [45, 30, 15, 7, 3],
    formMs: 20_000,
    levelMs: 15_000,
    spreadMs: 90_000,
    settleMs: 0,
    rejoinMs: 90_000,
    missedMs: 300_000,
    broadcastLevelMs: 400,
  },
  'plc-narrow': {
    mode: 1,
    commMode: 1,
    periodMode: 3,
    slaveTimeoutS: 35,
    maxFrame: 254,
    maxFilePacket: 130,
    nodesMax: 2040,
    servedAtOnce: 1,
    windowMax: 1,
    baseMs: 1_200,
    hopMs: 800,
    jitterMs: 800,
    giveUpMs: 20_000,
    depthPercents: [35, 30, 20, 10, 5],
    formMs: 30_000,
    levelMs: 30_000,
    spreadMs: 120_000,
    settleMs: 0,
    rejoinMs: 180_000,
    missedMs: 900_000,
    broadcastLevelMs: 3_000,
  },
  wireless: {
    mode: 10,
    commMode: 3,
    periodMode: 1,
    slaveTimeoutS: 40,
    maxFrame: 255,
    maxFilePacket: 128,
    nodesMax: 256,
    servedAtOnce: 1,
    windowMax: 1,
    baseMs: 900,
    hopMs: 350,
    jitterMs: 350,
    giveUpMs: 20_000,
    depthPercents: [40, 30, 18, 8, 3, 1],
    formMs: 10_000,
    levelMs: 20_000,
    spreadMs: 60_000,
    settleMs: 40_000,
    rejoinMs: 120_000,
    missedMs: 600_000,
    broadcastLevelMs: 1_000,
  },
}

/** A local command is answered after so long; facts §6 know only that 2 s are waited for it. */
export const commandMs = 40
/** From power or a restart to the start-up report; facts §1 allow 10 s after a reset. */
export const bootMs = 3_000
/** Nodes of one add or delete; more are refused (facts §3, 11H: 30–32). */
export const archiveFrameNodesMax = 32
/** Radio: 11F101 starts networking after so long (facts §5). */
export const maintenanceMs = 10_000
/** A report that is not confirmed is said again so often, so long apart. Assumptions. */
export const reportTries = 3
export const reportAgainMs = 4_000
/** How long a question (14F1, 14F3) waits for its answer (facts §4.3: the module gives little time, own). */
export const questionMs = 3_000
/** Meter frames in one concurrent read; more are refused with 110 (facts §3, F1H: a bench accepts 13, probes 16 as too many). */
export const framesPerReadMax = 13
/** Longest payload of a concurrent read (facts §3, F1H: newer firmware). */
export const concurrentBytesMax = 1000
/** Longest payload that the length byte of 13F1, 06F2 and 14F1 can tell. */
export const forwardBytesMax = 255
