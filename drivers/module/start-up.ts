import { monotonicMs } from '../../src/model/index.js'
import type { RunMode } from '../../src/protocols/gdw1376/index.js'
import { alignArchive } from './archive-alignment.js'
import { isReplaced, mediumOf, moduleOf, type VendorVersion } from './known-module.js'
import { answerOf, ask, wait, type Procedure } from './procedure.js'
import type { Workplace } from './workplace.js'

/**
 * From a link that opened, or a module that restarted, to meters that are read: who are you, your address, stand still, your archive,
 * your reports, go. A module that falls silent on the way is asked from the beginning.
 *
 * @param reported the run mode, if the module has just told it by itself
 * @source facts §4.1
 */
export function* startUp(place: Workplace, reported: RunMode | null): Procedure {
  for (let mode = reported; ; mode = null) {
    place.stage = 'starting'
    if (yield* identify(place, mode ?? (yield* findModule(place)))) break
    place.note('the module fell silent while it was started: from the beginning')
    yield* wait(place.settings.restartMs)
  }
  place.stage = 'ready'
  place.readySince = place.now
}

/** Asks until the module says what it is; in between it is told to restart, as there is no reset line on a serial link. */
function* findModule(place: Workplace): Procedure<RunMode> {
  const { settings, kind } = place
  for (let tries = 0; ; tries++) {
    const startedAt = place.now
    if (place.wire.heardAt === null) place.wire.mode = kind.modes[tries % kind.modes.length] ?? place.wire.mode
    const mode = answerOf(yield* ask({ name: 'run-mode' }), 'run-mode')
    if (mode !== null) return mode
    place.trouble = 'the module does not answer'
    yield* wait(startedAt + settings.startAskEveryMs - place.now)
    if ((tries + 1) % settings.startAsks !== 0) continue
    if ((tries + 1) % (2 * settings.startAsks) === 0) place.emit({ kind: 'reopen', code: 'module-silent' })
    yield* ask({ name: 'reset-hardware' }, { triesMs: settings.commandMs.slice(0, 1) })
    yield* wait(settings.restartMs)
  }
}

/** @returns false: the module fell silent */
function* identify(place: Workplace, mode: RunMode): Procedure<boolean> {
  const version = yield* askVersion(mode)
  const mainNode = version === null ? null : yield* setMainNode(place, mode)
  if (version === null || mainNode === null) return false
  meet(place, mode, version, mainNode)
  if (!(yield* pauseRouting(place))) return false
  if (!(yield* learnConcurrent(place))) return false
  if (place.kind.prepare !== undefined && !(yield* place.kind.prepare(place))) return false
  place.stage = 'aligning'
  if (place.nodes.isSet && (yield* alignArchive(place)) === 'silent') return false
  const reports = yield* ask({ name: 'allow-reports', allowed: place.choice.reports })
  if (reports.kind === 'denied') place.refused('allow-reports', reports.denial)
  return reports.kind !== 'silent'
}

function* askVersion(mode: RunMode): Procedure<VendorVersion | null> {
  const result = yield* ask({ name: 'vendor-version' })
  if (result.kind === 'silent') return null
  // It stands in the run mode, too.
  return answerOf(result, 'vendor-version') ?? mode
}

/** The module keeps its address; changing it makes the whole network build itself anew, so it is set only where it differs. */
function* setMainNode(place: Workplace, mode: RunMode): Procedure<string | null> {
  const { choice } = place
  const told = yield* ask({ name: 'main-node' })
  if (told.kind === 'silent') return null
  const has = answerOf(told, 'main-node')?.mainNode ?? mode.mainNode
  if (choice.mainNode === null || choice.mainNode === has) return has
  const set = yield* ask({ name: 'set-main-node', mainNode: choice.mainNode })
  if (set.kind === 'silent') return null
  if (set.kind === 'denied') {
    place.refused('set-main-node', set.denial)
    return has
  }
  const again = answerOf(yield* ask({ name: 'main-node' }), 'main-node')
  if (again !== null && again.mainNode !== choice.mainNode) {
    place.trouble = `the module took the main-node address ${choice.mainNode} and keeps ${again.mainNode}`
    return again.mainNode
  }
  return choice.mainNode
}

function meet(place: Workplace, mode: RunMode, version: VendorVersion, mainNode: string): void {
  const before = place.module
  const module = moduleOf(mode, version, mainNode)
  if (before !== null) place.restarts++
  place.trouble = ''
  place.runMode = mode
  place.module = module
  place.profile = place.kind.profileOf(mediumOf(mode))
  place.wire.mainNode = mainNode
  place.unsupported.clear()
  place.refusedReports.clear()
  place.concurrent = null
  place.neverAsks = false
  place.nodes.setModule(place.profile.knows698)
  place.quietUntil = monotonicMs(Math.min(place.quietUntil, place.now))
  place.report({ kind: 'module-started', module, replaced: isReplaced(before, module) })
  place.decideWay()
}

/** Stops the module's own reading. One that cannot, as a radio module, has none. */
export function* pauseRouting(place: Workplace): Procedure<boolean> {
  if (place.routing === 'paused') return true
  const result = place.unsupported.has('pause-routing') ? null : yield* ask({ name: 'pause-routing' })
  if (result?.kind === 'silent') return false
  if (result?.kind === 'denied') {
    if (!place.markUnsupported({ name: 'pause-routing' }, result.denial)) place.refused('pause-routing', result.denial)
  }
  place.routing = 'paused'
  place.pausedAt = place.now
  return true
}

/** Whether the module takes concurrent reads: a map of the functions it has, where it gives one. A refusal teaches it as well. */
function* learnConcurrent(place: Workplace): Procedure<boolean> {
  if (!place.profile.ways.includes('concurrent') && place.choice.reading !== 'concurrent') return true
  const result = yield* ask({ name: 'supported-functions', ofAfn: 0xf1 }, { triesMs: place.settings.commandMs.slice(0, 1) })
  const map = answerOf(result, 'supported-functions')
  // Some give an empty map for every AFN.
  if (map !== null && map.fns.length > 0) place.concurrent = map.fns.includes(1)
  place.decideWay()
  return true
}
