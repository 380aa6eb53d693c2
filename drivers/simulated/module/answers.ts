import type { DownUnit, UpUnit } from '../../../src/protocols/gdw1376/index.js'
import type { ArchivedNode } from './archive.js'
import type { ModuleDesk } from './desk.js'
import { denial } from './denials.js'
import { handle, type Handlers } from './handlers.js'
import type { MeshGround } from './network.js'
import { runMode, vendorVersion } from './run-mode.js'

/** What a module looks up to answer queries. */
export interface Known {
  readonly desk: ModuleDesk
  readonly ground: MeshGround
  /** Nodes that registered in the last search. */
  readonly found: () => readonly ArchivedNode[]
  /** Whether a node was read in this round of the module's own reading, and how many were. */
  readonly isRead: (address: string) => boolean
  readonly readNodes: () => number
  readonly phaseBitsOf: (address: string) => number
}

type Answer = UpUnit | number

/** @returns the answer to a query; a number: it is refused by this code; null: the unit is no query */
export function answerTo(known: Known, unit: DownUnit): Answer | null {
  return handle(answers, known, unit)
}

const ofRadio = (desk: ModuleDesk, answer: UpUnit): Answer => (desk.medium === 'wireless' ? answer : noSuchFunction)

const answers: Handlers<Known, Answer> = {
  'vendor-version': ({ desk }) => ({ name: 'vendor-version', ...vendorVersion(desk.quirks) }),
  'run-mode': ({ desk }) => ({ name: 'run-mode', ...runMode(desk) }),
  'main-node': ({ desk }) => ({ name: 'main-node', mainNode: desk.mainNode }),
  noise: ({ desk }) => ({ name: 'noise', noise: desk.random.below(6) }),
  'module-status': () => ({ name: 'module-status', channelFeature: 0, periodMode: 0, channels: 1, rates: [] }),
  interference: () => ({ name: 'interference', interference: false }),
  'monitor-timeout': ({ desk }) => ({ name: 'monitor-timeout', timeoutS: desk.monitorTimeoutS }),
  'radio-parameters': ({ desk }) =>
    ofRadio(desk, { name: 'radio-parameters', channelGroup: desk.radioGroup, power: desk.radioPower }),
  'supported-functions': ({ desk }, { ofAfn }) => ({ name: 'supported-functions', ofAfn, fns: functionsOf(desk, ofAfn) }),
  'module-id': ({ desk }) => ({ name: 'module-id', vendor: desk.quirks.vendor, idFormat: 2, id: `00${desk.mainNode}` }),
  'node-count': ({ desk }) => ({
    name: 'node-count',
    nodeCount: desk.archive.size + (desk.quirks.listsMainNode ? 1 : 0),
    maxNodes: desk.nodesMax,
  }),
  'run-state': (known) => ({ name: 'run-state', ...runState(known) }),
  'network-scale': ({ desk }) => ({ name: 'network-scale', scale: desk.networkScale }),
  'radio-network-scale': ({ desk }) => ofRadio(desk, { name: 'radio-network-scale', scale: desk.networkScale }),
  nodes: (known, unit) => nodePage(known, unit, listed(known.desk)),
  'unread-nodes': (known, unit) =>
    nodePage(
      known,
      unit,
      listed(known.desk).filter(({ address }) => !known.isRead(address)),
    ),
  'registered-nodes': (known, unit) => nodePage(known, unit, known.found()),
  topology: (known, unit) => (known.desk.medium === 'plc-hplc' ? topologyPage(known, unit) : noSuchFunction),
  phases: (known, unit) => (known.desk.medium === 'wireless' ? noSuchFunction : phasePage(known, unit)),
  'radio-nodes': (known, unit) => (known.desk.medium === 'wireless' ? radioPage(known, unit) : noSuchFunction),
}

type Page = Extract<DownUnit, { readonly start: number; readonly count: number }>

const mainNumber = 0
const listed = (desk: ModuleDesk): readonly ArchivedNode[] => {
  const nodes = desk.archive.listed(desk.quirks.nodeOrder)
  if (!desk.quirks.listsMainNode) return nodes
  return [{ address: desk.mainNode, protocol: 0, number: mainNumber, addedAt: 0 }, ...nodes]
}

interface Slice {
  readonly total: number
  readonly start: number
  readonly nodes: readonly ArchivedNode[]
}

/** Counted from 1. @returns null: this module refuses a start of 0 */
function sliceOf(desk: ModuleDesk, { start, count }: Page, nodes: readonly ArchivedNode[]): Slice | null {
  if (start === 0 && desk.quirks.startZero === 'refused') return null
  const first = Math.max(1, start)
  const most = Math.min(count, desk.quirks.pageNodesMax)
  return { total: nodes.length, start: first, nodes: nodes.slice(first - 1, first - 1 + most) }
}

const { badUnit, noSuchFunction } = denial

function nodePage(
  known: Known,
  unit: Extract<Page, { readonly name: 'nodes' | 'unread-nodes' | 'registered-nodes' }>,
  nodes: readonly ArchivedNode[],
): UpUnit | number {
  const { desk, ground } = known
  const slice = sliceOf(desk, unit, nodes)
  if (slice === null) return badUnit
  const rows = slice.nodes.map(({ address, protocol, number }) => {
    const isIn = number !== mainNumber && ground.knows(address, desk.now)
    const place = ground.topology.place(address)
    const hops = isIn ? ground.path(place, desk.now).length : 1
    const quality = isIn ? ground.topology.quality(place, desk.now) : 0
    return { address, relayLevel: hops - 1, quality, phaseBits: isIn ? known.phaseBitsOf(address) : 0, protocol }
  })
  return { name: unit.name, total: slice.total, nodes: rows }
}

/** Role 1 station, 2 proxy, 4 the module itself; TEI 1 is the module. */
function topologyPage({ desk, ground }: Known, unit: Page): UpUnit | number {
  const { now } = desk
  const { nodes: inNetwork, proxies } = ground.members(now)
  const main = { address: desk.mainNode, protocol: 0, number: mainNumber, addedAt: 0 }
  const slice = sliceOf(desk, unit, [main, ...inNetwork])
  if (slice === null) return badUnit
  const nodes = slice.nodes.map(({ address, number }) => {
    if (number === mainNumber) return { address, tei: 1, proxyTei: 0, level: 0, role: 4 }
    const path = ground.path(ground.topology.place(address), now)
    const above = path[1]
    const proxyTei = above === undefined ? 1 : teiOf(desk, above.address)
    return { address, tei: number + 1, proxyTei, level: path.length, role: proxies.has(address) ? 2 : 1 }
  })
  return { name: 'topology', total: slice.total, start: slice.start, nodes }
}

const teiOf = (desk: ModuleDesk, address: string): number => (desk.archive.find(address)?.number ?? 0) + 1

function phasePage(known: Known, unit: Page): UpUnit | number {
  const { desk, ground } = known
  const slice = sliceOf(desk, unit, [...desk.archive.nodes])
  if (slice === null) return badUnit
  const nodes = slice.nodes.map(({ address }) => {
    const phaseBits = ground.knows(address, desk.now) ? known.phaseBitsOf(address) : 0
    return { address, phaseBits, isThreePhase: phaseBits === 7, isReversed: false, phaseOrder: 0 }
  })
  return { name: 'phases', total: slice.total, start: slice.start, nodes }
}

/** A relay level of 15 says that the node is not in the network (facts §5). */
const offLine = 15

function radioPage(known: Known, unit: Page): UpUnit | number {
  const { desk, ground } = known
  const slice = sliceOf(desk, unit, listed(desk))
  if (slice === null) return badUnit
  const nodes = slice.nodes.map(({ address }) => {
    const isIn = ground.knows(address, desk.now)
    const place = ground.topology.place(address)
    const relayLevel = isIn ? ground.path(place, desk.now).length - 1 : offLine
    return { address, relayLevel, quality: isIn ? ground.topology.quality(place, desk.now) : 0, details: new Uint8Array(4) }
  })
  return { name: 'radio-nodes', total: slice.total, nodes }
}

function runState({ desk, ground, readNodes }: Known) {
  const { now } = desk
  const { nodes: inNetwork } = ground.members(now)
  const isSearching = desk.searchUntil !== null && now < desk.searchUntil
  const deepest = inNetwork.reduce((depth, { address }) => Math.max(depth, ground.topology.place(address).depth - 1), 0)
  return {
    learningDone: inNetwork.length === desk.archive.size,
    working: isSearching || desk.routing === 'running',
    event: false,
    nodes: desk.archive.size,
    read: readNodes(),
    readThroughRelay: 0,
    isReading: desk.isReading,
    registrationAllowed: true,
    reportsAllowed: desk.reportsAllowed,
    identifiesArea: false,
    state: isSearching ? 1 : desk.routing === 'running' ? 0 : 3,
    rate: 0,
    rateUnit: 0,
    relayLevels: [deepest, deepest, deepest],
    workSteps: [8, 8, 8],
  } as const
}

/** Functions of each AFN that this module has (03F11). */
function functionsOf({ medium, quirks }: ModuleDesk, afn: number): readonly number[] {
  const isRadio = medium === 'wireless'
  switch (afn) {
    case 0x00:
      return [1, 2]
    case 0x01:
      return [1, 2, 3]
    case 0x02:
      return [1]
    case 0x03:
      return [1, 2, 4, 5, 6, 7, ...(isRadio ? [8] : []), 9, 10, 11, 12]
    case 0x05:
      return [1, 2, 3, 4, ...(isRadio ? [5] : []), 6, 10]
    case 0x06:
      return [1, 2, 3, 4, 5]
    case 0x10:
      return [1, 2, 4, 5, 6, 9, ...(medium === 'plc-hplc' ? [21] : []), ...(isRadio ? [100, 101] : [31])]
    case 0x11:
      return [1, 2, 3, 4, 5, 6, ...(isRadio ? [100, 101, 102] : [])]
    case 0x12:
      return [1, 2, 3]
    case 0x13:
      return [1]
    case 0x14:
      return isRadio ? [2, 3] : [1, 2, 3]
    case 0xf1:
      return quirks.concurrent && medium === 'plc-hplc' ? [1] : []
    default:
      return []
  }
}
