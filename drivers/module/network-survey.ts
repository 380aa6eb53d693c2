import type { DownUnit, UnitName, UpUnit } from '../../src/protocols/gdw1376/index.js'
import { archiveDifference, readArchive, readPages, type ListResult } from './archive-list.js'
import { phasesOf, type NodeRecord } from './node-book.js'
import { answerOf, ask, type CommandResult, type Procedure } from './procedure.js'
import type { NetworkList } from './settings.js'
import type { Workplace } from './workplace.js'

/**
 * A look at the module: is its archive's count still ours, what is it doing; with `lists` also the archive itself, who is in the
 * network, over whom, and on which phase. What a module does not have is not asked again before it restarts.
 */
export function* survey(place: Workplace, lists: boolean): Procedure {
  const count = answerOf(yield* query(place, { name: 'node-count' }), 'node-count')
  if (count !== null && place.alignedCount !== null && count.nodeCount !== place.alignedCount) place.wantsAlign = true
  yield* query(place, { name: 'run-state' })
  if (lists && place.nodes.forgetRefusals()) place.wantsAlign = true
  if (!lists || place.wantsAlign) return
  yield* checkArchive(place)
  for (const list of place.profile.lists) {
    if (place.loss !== null) return
    yield* readers[list](place)
  }
}

/** Asks for something the module always has: is it still there? */
export function* probe(place: Workplace): Procedure {
  const result = yield* ask({ name: 'main-node' })
  if (result.kind === 'silent') place.lose('module-silent')
}

const readers: Readonly<Record<NetworkList, (place: Workplace) => Procedure>> = {
  topology: readTopology,
  phases: readPhases,
  'radio-nodes': readRadioNodes,
}

/** A question that a module may not know: refused or left unanswered, it is not asked again. */
function* query(place: Workplace, unit: DownUnit): Procedure<CommandResult> {
  if (unit.name !== 'unknown' && place.unsupported.has(unit.name)) return { kind: 'silent' }
  const result = yield* ask(unit)
  yield* noteFailure(place, unit, result)
  return result
}

function* noteFailure(place: Workplace, unit: DownUnit, result: CommandResult): Procedure {
  if (result.kind === 'denied') place.markUnsupported(unit, result.denial)
  if (result.kind !== 'silent') return
  yield* probe(place)
  if (place.loss === null && unit.name !== 'unknown') place.unsupported.add(unit.name)
}

function* checkArchive(place: Workplace): Procedure {
  const list = yield* readArchive(place)
  if (list.kind === 'silent') yield* probe(place)
  if (list.kind !== 'list' || !place.nodes.isSet) return
  const wanted = place.nodes.wanted(place.alignedNodes)
  const { surplus, missing } = archiveDifference(
    wanted,
    list.nodes.filter(({ address }) => address !== place.wire.mainNode),
  )
  if (surplus.length > 0 || missing.length > 0) place.wantsAlign = true
}

function* readList<T>(
  place: Workplace,
  name: UnitName & ('topology' | 'phases' | 'radio-nodes'),
  pageOf: (units: readonly UpUnit[]) => { readonly total: number; readonly nodes: readonly T[] } | null,
  framesApartMs?: number,
): Procedure<readonly T[] | null> {
  if (place.unsupported.has(name)) return null
  const more = framesApartMs === undefined ? {} : { framesApartMs }
  const list: ListResult<T> = yield* readPages((start, count) => ({ unit: { name, start, count }, ...more }), pageOf)
  if (list.kind === 'list') return list.nodes
  yield* noteFailure(place, { name, start: 1, count: 1 }, list.result)
  return null
}

/** Who is in the network and over whom; the main node is the one without a level. @source facts §3, 10F21 */
function* readTopology(place: Workplace): Procedure {
  const found = yield* readList(place, 'topology', ([unit]) => (unit?.name === 'topology' ? unit : null))
  if (found === null) return
  const byTei = new Map(found.map((node) => [node.tei, node]))
  const seen = new Set<NodeRecord>()
  for (const { address, level, proxyTei } of found) {
    const node = place.nodes.find(address)
    if (node === null) continue
    seen.add(node)
    const proxy = byTei.get(proxyTei)
    node.level = Math.max(0, level - 1)
    node.relay = proxy === undefined || proxy.role === mainNodeRole ? null : (place.nodes.find(proxy.address)?.address ?? null)
    place.nodes.noteInNetwork(node, true)
  }
  // An empty list says nothing: some give none before the network is built.
  if (seen.size > 0) for (const node of place.nodes.all()) if (!seen.has(node)) leave(place, node)
}

const mainNodeRole = 4

function leave(place: Workplace, node: NodeRecord): void {
  if (node.inNetwork === true) place.report({ kind: 'node-left', address: node.address })
  place.nodes.noteInNetwork(node, false)
}

/** @source facts §3, 10F31 */
function* readPhases(place: Workplace): Procedure {
  const found = yield* readList(place, 'phases', ([unit]) => (unit?.name === 'phases' ? unit : null))
  for (const { address, phaseBits } of found ?? []) {
    const node = place.nodes.find(address)
    if (node !== null && phaseBits !== 0) node.phases = phasesOf(phaseBits)
  }
}

/** Frames of a list of radio nodes come 500 ms apart. @source facts §5 */
const radioFramesApartMs = 1_500

/** @source facts §3, 10F101; §5: relay level 15 is "not in the network" */
function* readRadioNodes(place: Workplace): Procedure {
  const found = yield* readList(place, 'radio-nodes', radioPage, radioFramesApartMs)
  for (const { address, relayLevel, quality } of found ?? []) {
    const node = place.nodes.find(address)
    if (node === null) continue
    if (relayLevel === 15) {
      leave(place, node)
      continue
    }
    place.nodes.noteInNetwork(node, true)
    node.level = relayLevel
    if (quality > 0) node.quality = quality
  }
}

interface RadioNode {
  readonly address: string
  readonly relayLevel: number
  readonly quality: number
}

/** All frames of one answer; null: bytes of a maker's own form. */
function radioPage(units: readonly UpUnit[]): { readonly total: number; readonly nodes: readonly RadioNode[] } | null {
  const nodes: RadioNode[] = []
  let total = 0
  for (const unit of units) {
    if (unit.name !== 'radio-nodes' || 'raw' in unit) return null
    total = unit.total
    nodes.push(...unit.nodes)
  }
  return { total, nodes }
}
