import { fail, monotonicMs, type MonotonicMs } from '../../src/model/index.js'
import type { MeshModule, MeshReport } from '../../src/ports/index.js'
import { entryOf, type Denial, type DownUnit, type RunMode, type UnitName } from '../../src/protocols/gdw1376/index.js'
import type { Emit, LocalClock } from './effects.js'
import { NodeBook } from './node-book.js'
import type { ModuleKind } from './kind.js'
import type { ModuleChoice, ModuleProfile, ModuleSettings, ReadingWay } from './settings.js'
import { readingWay } from './known-module.js'
import { Wire } from './wire.js'

export type Stage = 'down' | 'starting' | 'aligning' | 'ready'

/** What the parts of the machine share: settings, the line, the nodes, and what is known of the module. */
export class Workplace {
  readonly kind: ModuleKind
  readonly choice: ModuleChoice
  readonly settings: ModuleSettings
  readonly localTime: LocalClock
  readonly emit: Emit
  readonly wire: Wire
  readonly nodes = new NodeBook()
  /** The instant of this step. */
  now: MonotonicMs

  stage: Stage = 'down'
  trouble = ''
  module: MeshModule | null = null
  profile: ModuleProfile
  /** What the module told of its times. */
  runMode: RunMode | null = null
  /** Functions that this module does not have. */
  readonly unsupported = new Set<UnitName>()
  /** What the module's own reading is doing. `finished`: a round is over. */
  routing: 'unknown' | 'paused' | 'running' | 'finished' = 'unknown'
  pausedAt: MonotonicMs
  way: ReadingWay = 'forward'
  /** Whether it takes concurrent reads; null: nobody knows yet. */
  concurrent: boolean | null = null
  /** It says that it leads reading, and never asks for a meter. */
  neverAsks = false
  restarts = 0
  readySince: MonotonicMs
  /** The archive was brought in line at some time, with so many nodes; the module's own count was then `alignedCount`. */
  alignedNodes = 0
  alignedCount: number | null = null
  /** Of the wanted nodes, when the archive was last in line. */
  alignedVersion = 0
  /** Nodes that the last alignment added and removed. */
  alignChanges = 0
  /** The archive must be looked through again, not before so long. */
  wantsAlign = false
  /** The module called a meter unknown although its archive was in line: it is believed no more before this. */
  inLineUntil: MonotonicMs
  alignNotBefore: MonotonicMs
  /** Nothing may leave before. */
  quietUntil: MonotonicMs
  /** The line is kept free for a broadcast, whose delay somebody has asked. */
  reservedUntil: MonotonicMs
  /** The network is being built until then; nodes that are not known to be in it are not asked. */
  buildingUntil: MonotonicMs
  /** When all lists should be read, besides the usual; null: not. */
  listsWantedAt: MonotonicMs | null = null
  /** It dropped a request, perhaps because it came too soon after the answer before. */
  dropsRequests = false
  /** An exchange that cannot wait is there. */
  hasUrgent: () => boolean = () => false
  /** A search is under way, and the module has said that it is over. */
  searchEnded = false
  /** A part found that the module has to be started anew: the machine does it when the step is done. */
  loss: string | null = null
  refusedReports = new Set<string>()

  constructor(options: {
    readonly kind: ModuleKind
    readonly choice: ModuleChoice
    readonly settings: ModuleSettings
    readonly localTime: LocalClock
    readonly emit: Emit
    readonly byteMs: number
    readonly now: MonotonicMs
  }) {
    this.kind = options.kind
    this.choice = options.choice
    this.settings = options.settings
    this.localTime = options.localTime
    this.emit = options.emit
    this.now = options.now
    this.profile = options.kind.profileOf(options.kind.mediumGuess)
    this.wire = new Wire({
      emit: options.emit,
      byteMs: options.byteMs,
      mode: options.kind.modes[0] ?? 0,
      restMs: options.settings.sequenceRestMs,
      now: options.now,
    })
    this.pausedAt = options.now
    this.alignNotBefore = options.now
    this.inLineUntil = options.now
    this.readySince = options.now
    this.quietUntil = options.now
    this.reservedUntil = options.now
    this.buildingUntil = options.now
  }

  /** Quiet before each request. */
  get gapMs(): number {
    const { gapMs, carefulGapMs = gapMs } = this.profile
    return this.dropsRequests ? carefulGapMs : gapMs
  }

  /** What one read is given: what the module tells, within the medium's bounds, and a margin so that it ends before us. */
  get readMs(): number {
    const toldMs = (this.runMode?.slaveTimeoutS ?? 0) * 1_000
    const { min, max } = this.profile.readMs
    return Math.min(Math.max(toldMs, min), max) + 5_000
  }

  report(report: MeshReport): void {
    this.emit({ kind: 'report', report })
  }

  note(text: string): void {
    this.emit({ kind: 'trace', direction: 'state', bytes: new Uint8Array(0), note: text })
  }

  /** The module refused what it should do: it stands in the snapshot, and is told once for each restart of the module. */
  refused(what: string, denial: Denial): void {
    this.complain(what, denial.meaning, `the module refused ${what}: ${denial.code} ${denial.meaning}`)
  }

  /** What is wrong with the module stands in the snapshot, and is told once for each restart of it. */
  complain(what: string, code: string, message: string): void {
    this.trouble = message
    if (this.refusedReports.has(what)) return
    this.refusedReports.add(what)
    this.report({ kind: 'module-refused', what, error: fail({ code, at: what, message }).error })
  }

  /** A refusal that means that the module will never do it. */
  markUnsupported(unit: DownUnit, { action }: Denial): boolean {
    const isForGood = action === 'mark-unsupported' || action === 'do-not-retry'
    if (isForGood && unit.name !== 'unknown' && entryOf(unit) !== null) this.unsupported.add(unit.name)
    return isForGood
  }

  /** The module is there but has to be started anew. */
  lose(code: string): void {
    this.loss ??= code
  }

  decideWay(): void {
    if (this.module === null) return
    const module: MeshModule = this.neverAsks ? { ...this.module, led: 'concentrator' } : this.module
    this.way = readingWay(this.choice, this.profile, module, this.concurrent)
  }

  /** The archive, or the radio's own settings, have changed: the network is built anew, and then looked at. */
  networkChanged(): void {
    const { building } = this.profile
    if (building === undefined) return
    this.buildingUntil = monotonicMs(this.now + building.afterMs + building.lastsMs)
    this.listsWantedAt = monotonicMs(this.now + building.afterMs + building.lastsMs / 2)
  }

  /** The module looks after its network now, by the site's clock. */
  get isMaintained(): boolean {
    const { maintenance } = this.profile
    const time = maintenance === undefined ? null : this.localTime()
    if (maintenance === undefined || time === null) return false
    const minute = time.hour * 60 + time.minute - maintenance.fromMinute
    return minute >= 0 && minute < maintenance.lastsMin
  }

  keepQuiet(ms: number): void {
    this.quietUntil = monotonicMs(Math.max(this.quietUntil, this.now + ms))
  }
}
