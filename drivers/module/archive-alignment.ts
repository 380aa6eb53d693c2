import { monotonicMs } from '../../src/model/index.js'
import { archiveNodesMax, type DownUnit } from '../../src/protocols/gdw1376/index.js'
import { archiveDifference, readArchive, type ArchiveDifference } from './archive-list.js'
import type { Listed, NodeRecord } from './node-book.js'
import { answerOf, ask, wait, type CommandResult, type Procedure } from './procedure.js'
import { alignRoundsMax, wipeRound } from './settings.js'
import type { Workplace } from './workplace.js'

export type Alignment = 'aligned' | 'failed' | 'silent'

/**
 * Brings the module's archive in line with ours by difference, address and protocol type, and reads it again until it is equal. Its
 * own reading must stand still meanwhile. @source facts §4.2
 */
export function* alignArchive(place: Workplace): Procedure<Alignment> {
  let added = 0
  let removed = 0
  let wasLost = false
  let before: ArchiveDifference | null = null
  for (let round = 1; round <= alignRoundsMax; round++) {
    const list = yield* readArchive(place)
    if (list.kind === 'silent') return 'silent'
    if (list.kind === 'denied') return yield* alignUnseen(place, list.result)
    const { version } = place.nodes
    const wanted = wantedNodes(place)
    // Some list the main node, too.
    const listed = list.nodes.filter(({ address }) => address !== place.wire.mainNode)
    const difference = learnTypes(wanted, listed, before)
    before = difference
    const isInLine = difference.surplus.length === 0 && difference.missing.length === 0
    // Fewer pages than its count says: there may be nodes that it did not show.
    if (isInLine && list.nodes.length === list.total) {
      noteAligned(place, { version, nodes: wanted.length, count: list.total })
      place.alignChanges = added + removed
      if (added + removed > 0) {
        place.networkChanged()
        place.report({ kind: 'archive-aligned', added, removed, lost: wasLost })
      }
      return 'aligned'
    }
    wasLost ||= round === 1 && listed.length === 0 && place.alignedNodes > 0 && wanted.length > 0
    if (round === alignRoundsMax) break
    if (round === wipeRound && difference.surplus.length > 0) {
      if (!(yield* wipe(place))) return 'silent'
      continue
    }
    if (!(yield* remove(place, difference.surplus)) || !(yield* add(place, difference.missing))) return 'silent'
    removed += difference.surplus.length
    added += difference.missing.length
  }
  return refuse(place, 'align-archive', null)
}

/** A module that does not show its archive is given ours, unless its count says that it has it; what is surplus stays. */
function* alignUnseen(place: Workplace, result: CommandResult): Procedure<Alignment> {
  const denial = result.kind === 'denied' ? result.denial : null
  const isForGood = denial?.action === 'mark-unsupported'
  if (isForGood) {
    const { version } = place.nodes
    const wanted = wantedNodes(place)
    const count = answerOf(yield* ask({ name: 'node-count' }), 'node-count')?.nodeCount ?? null
    if (count !== wanted.length && !(yield* add(place, wanted))) return 'silent'
    place.alignedVersion = version
    place.alignedNodes = wanted.length
  }
  refuse(place, 'read-archive', denial)
  if (isForGood) place.alignNotBefore = monotonicMs(place.now + place.settings.listsMs)
  return 'failed'
}

function noteAligned(
  place: Workplace,
  found: { readonly version: number; readonly nodes: number; readonly count: number },
): void {
  place.alignedNodes = found.nodes
  place.alignedCount = found.count
  place.alignedVersion = found.version
  place.wantsAlign = false
}

/** Those the module has room for, and whose addresses it can tell from its own; the others are told. */
function wantedNodes(place: Workplace): readonly NodeRecord[] {
  refuseMainNode(place)
  const nodesMax = place.module?.nodesMax ?? 0
  // Some tell no limit.
  const wanted = place.nodes.wanted(nodesMax === 0 ? Number.MAX_SAFE_INTEGER : nodesMax)
  const within = new Set(wanted)
  let left = 0
  for (const node of place.nodes.all()) {
    if (within.has(node) || node.isRefused) continue
    node.isRefused = true
    left++
  }
  if (left > 0)
    place.refused(`${left} nodes above its limit of ${nodesMax}`, { code: 0, meaning: 'archive-full', action: 'do-not-retry' })
  for (const address of place.nodes.unfit)
    place.refused(`node ${address}`, { code: 0, meaning: 'bad-address', action: 'do-not-retry' })
  return wanted
}

/** The module would never carry a frame to it, and lists it as itself. */
function refuseMainNode(place: Workplace): void {
  const node = place.nodes.find(place.wire.mainNode)
  if (node === null) return
  node.isRefused = true
  const message = `the meter ${node.address} has the address of the main node (option mainNode, or the module's own): it cannot be read`
  place.complain(`node ${node.address}`, 'main-node-address', message)
}

/** A type that comes back changed although it was just given is the module's way to show it. */
function learnTypes(
  wanted: readonly NodeRecord[],
  listed: readonly Listed[],
  before: ArchiveDifference | null,
): ArchiveDifference {
  const difference = archiveDifference(wanted, listed)
  const given = new Set(before?.missing)
  const stubborn = difference.retyped.filter(({ node }) => given.has(node))
  for (const { node, shown } of stubborn) node.shownType = shown
  return stubborn.length === 0 ? difference : archiveDifference(wanted, listed)
}

function* remove(place: Workplace, addresses: readonly string[]): Procedure<boolean> {
  for (const nodes of portions(addresses)) {
    if (!(yield* command(place, { name: 'delete-nodes', nodes }))) return false
  }
  return true
}

function* add(place: Workplace, nodes: readonly NodeRecord[]): Procedure<boolean> {
  for (const portion of portions(nodes)) if (!(yield* addPortion(place, portion))) return false
  return true
}

/** A refused portion is halved until the node is found that the module does not take; the others get in. */
function* addPortion(place: Workplace, portion: readonly NodeRecord[]): Procedure<boolean> {
  const result = yield* ask({ name: 'add-nodes', nodes: portion.map(({ wire, type }) => ({ address: wire, protocol: type })) })
  if (result.kind === 'silent') return false
  if (result.kind !== 'denied') return true
  const [only] = portion
  // Busy: the next round tries again.
  if (result.denial.action === 'back-off') return true
  if (portion.length === 1 && only !== undefined) {
    // Told as being there already: the next reading shows it.
    if (result.denial.code === duplicateCode) return true
    only.isRefused = true
    place.refused(`node ${only.address}`, result.denial)
    return true
  }
  const half = Math.ceil(portion.length / 2)
  return (yield* addPortion(place, portion.slice(0, half))) && (yield* addPortion(place, portion.slice(half)))
}

/** @source facts §3, 00H */
const duplicateCode = 6

/** The last resort against entries that cannot be deleted. */
function* wipe(place: Workplace): Procedure<boolean> {
  place.note('the archive does not come in line: it is wiped')
  if (!(yield* command(place, { name: 'reset-parameters' }))) return false
  yield* wait(place.settings.wipeMs)
  return true
}

function* command(place: Workplace, unit: DownUnit): Procedure<boolean> {
  const result = yield* ask(unit)
  if (result.kind === 'denied') place.refused(unit.name, result.denial)
  return result.kind !== 'silent'
}

function refuse(place: Workplace, what: string, denial: Parameters<Workplace['refused']>[1] | null): Alignment {
  place.wantsAlign = true
  place.alignNotBefore = monotonicMs(place.now + place.settings.alignAgainMs)
  place.refused(what, denial ?? { code: 0, meaning: 'archive-differs', action: 'retry-later' })
  return 'failed'
}

function portions<T>(items: readonly T[]): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / archiveNodesMax) }, (_, index) =>
    items.slice(index * archiveNodesMax, (index + 1) * archiveNodesMax),
  )
}
