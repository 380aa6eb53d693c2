import type { MeshModule } from '../../src/ports/index.js'
import type { TraceLimits } from '../link/index.js'

/**
 * How meters are read: `concurrent` F1F1, several at a time, one per meter; `forward` 13F1, one at a time; `module-led` 14F1, the module
 * asks for the frame of the meter it wants to read next.
 */
export type ReadingWay = 'concurrent' | 'forward' | 'module-led'
export type Medium = MeshModule['medium']

/** What a site chooses about a module. */
export interface ModuleChoice {
  /** `auto`: what the module can do best. */
  readonly reading: 'auto' | ReadingWay
  /** Concurrent reads under way; null: 5 to begin with, and more as long as the module takes it. */
  readonly window: number | null
  /** The concentrator's own address in the network, 12 digits; null: the one the module has. */
  readonly mainNode: string | null
  /** Whether nodes may report events by themselves. */
  readonly reports: boolean
}

/** What a medium is like. */
export interface ModuleProfile {
  /** What statistics call it: `plc-narrowband`, `plc-broadband`, `plc-dual`, `wireless`. */
  readonly name: string
  /** Ways to read that `auto` may take, the best first; one that the module cannot do is passed over. */
  readonly ways: readonly ReadingWay[]
  /** Quiet kept before a request to the module. @source facts §1: at least 500 ms on narrowband */
  readonly gapMs: number
  /** And once a request that had brought nothing was answered when it came again: this module drops what comes too soon. */
  readonly carefulGapMs?: number
  /** Bounds of what the module is given for one read; in between counts what it tells in its run mode. */
  readonly readMs: { readonly min: number; readonly max: number }
  /** A node that needs longer on average is slow. */
  readonly slowReplyMs: number
  /** Lists with which the network is looked at, beside the archive's own. */
  readonly lists: readonly NetworkList[]
  /** Whether 698.45 meters are told as such; else as transparent. @source facts §2.5 */
  readonly knows698: boolean
  /** A request that brings nothing at all found the module busy, and says nothing of the meter. @source facts §5 */
  readonly silenceIsBusy?: boolean
  /** The network is built anew after the archive has changed: so much later, and for so long about. @source facts §5 */
  readonly building?: { readonly afterMs: number; readonly lastsMs: number }
  /** Each day the network looks after itself, from this minute of the day on. @source facts §5 */
  readonly maintenance?: { readonly fromMinute: number; readonly lastsMin: number }
}

export type NetworkList = 'topology' | 'phases' | 'radio-nodes'

/** Times and limits of the machine. */
export interface ModuleSettings {
  /** A longer gap within a frame means that it is broken. */
  readonly interByteMs: number
  /** How long each try of a local command waits. @source facts §6: 2 s tried twice, and 20 s once are both in use */
  readonly commandMs: readonly number[]
  /** Start-up: the run mode is asked so often, so long apart, then the module is told to restart. @source facts §4.1 */
  readonly startAsks: number
  readonly startAskEveryMs: number
  /** After a restart command, and after the archive was wiped. @source facts §3, 01H; §4.1 */
  readonly restartMs: number
  readonly wipeMs: number
  /** How often the module is looked at: what it does, and the count of its archive. */
  readonly surveyMs: number
  /** While meters are read it waits so much longer at most. */
  readonly surveyWaitMs: number
  /** Whoever reads one meter after the other has asked the next one before so long. */
  readonly idleMs: number
  /** How often all its lists are read, the archive's among them. */
  readonly listsMs: number
  /** After an alignment that failed. */
  readonly alignAgainMs: number
  /** After 12F2 a read of the module's own may take so long to end. @source facts §4.4 */
  readonly pauseMs: number
  /** A paused module-led reading goes on after so long without an urgent exchange. */
  readonly resumeMs: number
  /** Without a question of the module for so long, the reading is started again. @source facts §4.3 */
  readonly ledSilenceMs: number
  /** It never asked for any meter: after so long, and so long after its reading was started again, it does not lead. */
  readonly ledGiveUpMs: number
  readonly ledLastChanceMs: number
  /** Between the end of one round of module-led reading and the start of the next. */
  readonly roundMs: number
  /** How long an exchange waits for the module to ask for its meter. */
  readonly ledWaitMs: number
  /** How long one offered to the module may take until its report. */
  readonly ledReadMs: number
  /** How long more than a read itself an exchange may take: denials, alignments, broadcasts of others. */
  readonly patienceMs: number
  /** A broadcast that cannot leave for so long is given up: what it says of the time would be wrong. */
  readonly broadcastWaitMs: number
  /** Quiet after a broadcast is kept no longer, whatever the module says. @source facts §4.6 */
  readonly quietMsMax: number
  /** After its delay was asked the line is kept free so long for the broadcast itself. */
  readonly reservedMs: number
  readonly searchPollMs: number
  /** A refused window grows by one after so long without a refusal. */
  readonly windowGrowMs: number
  /** Sequence numbers of requests without an answer are not used again for so long. */
  readonly sequenceRestMs: number
  /** A report that comes again within this time is confirmed and dropped. */
  readonly duplicateMs: number
  /** A node in the archive for so long without a sign of it is hopeless. */
  readonly hopelessMs: number
  /** Until a node was heard the network is being built, at most so long. */
  readonly networkingMs: number
  readonly trace: TraceLimits
}

/** Concurrent reads under way at most. @source facts §4.5: "more than 20" is what modules refuse for certain */
export const windowMax = 20
/** To begin with, where the site chose none. @source facts §4.5 */
export const windowUsual = 5
/** Frames for one meter in one concurrent read. @source facts §3, F1H: benches take 6 for normal, 13 pass, 16 are too many */
export const framesUsual = 6
/** It grows to this as long as the module takes it, by one for so many answers in a row that found it full. Own figures. */
export const windowGrownMax = 10
export const growAnswers = 20
/** Exchanges that a module-led reading takes beyond one for each node: urgent ones and broadcasts find room. */
export const ledReserve = 16
/** Bytes of the frame of one read, whatever the module says it takes. @source facts §3, F1H */
export const payloadBytesMax = 1000
/** Longest reply counted on in one read. @source facts §6: 527 bytes were seen, and up to 2000 are promised */
export const replyBytesUsual = 500
/** Readings of the archive in one alignment: the last one only verifies. */
export const alignRoundsMax = 5
/** What is still there then that should not be cannot be deleted: the list is wiped and given anew. */
export const wipeRound = 3
/** Pages beyond those that the total needs: a module that gives one node at a time must end, too. */
export const pagesMax = 4096
/** Unknown nodes that are told once each; further ones are told again and again. */
export const strangersMax = 4096
/** Recent reports kept to know a duplicate. */
export const recentReportsMax = 64

export const defaultModuleSettings: ModuleSettings = {
  interByteMs: 500,
  commandMs: [2_000, 5_000, 13_000],
  startAsks: 3,
  startAskEveryMs: 60_000,
  restartMs: 10_000,
  wipeMs: 30_000,
  surveyMs: 300_000,
  surveyWaitMs: 600_000,
  idleMs: 500,
  listsMs: 3_600_000,
  alignAgainMs: 300_000,
  pauseMs: 10_000,
  resumeMs: 2_000,
  ledSilenceMs: 600_000,
  ledGiveUpMs: 1_200_000,
  ledLastChanceMs: 60_000,
  roundMs: 60_000,
  ledWaitMs: 1_800_000,
  ledReadMs: 180_000,
  patienceMs: 30_000,
  broadcastWaitMs: 15_000,
  quietMsMax: 180_000,
  reservedMs: 3_000,
  searchPollMs: 600_000,
  windowGrowMs: 600_000,
  sequenceRestMs: 180_000,
  duplicateMs: 60_000,
  hopelessMs: 86_400_000,
  networkingMs: 900_000,
  trace: { linesMax: 512, bytesMax: 131_072 },
}
