import { meterAddress, monotonicMs, type MeterAddress, type MonotonicMs } from '../../src/model/index.js'
import type { MeshNode, MeshNodeState, MeshPhase } from '../../src/ports/index.js'
import type { UpInfo } from '../../src/protocols/gdw1376/index.js'
import { protocolTypeOf, wireAddress } from './protocol-types.js'
import { verdictOf, type VerdictLimits } from './verdict.js'

/** What is known of a node; kept while it is wanted. */
export interface NodeRecord {
  readonly address: MeterAddress
  readonly protocol: string
  /** As the module has it. */
  readonly wire: string
  /** Protocol type given to the module. */
  readonly type: number
  /** Since when it has been wanted. */
  readonly since: MonotonicMs
  /** The module does not take it, or has no room for it: tried again hourly, when it restarts, and when other nodes are wanted. */
  isRefused: boolean
  /** The module shows another type for it than it was given, and does so again: taken for its own. */
  shownType: number | null
  inNetwork: boolean | null
  /** It was heard or in the network at some time. */
  wasSeen: boolean
  level: number | null
  relay: MeterAddress | null
  phases: readonly MeshPhase[]
  quality: number | null
  lastReplyAt: MonotonicMs | null
  asked: number
  replied: number
  /** Of its latest exchanges; newer ones weigh more. */
  successShare: number
  replyMs: number
}

/** An entry of the module's archive. */
export interface Listed {
  /** 12 digits. */
  readonly address: string
  readonly type: number
}

/** A newer exchange weighs so much. */
const weight = 0.2

/** The nodes that the module must know, and what is known of each. */
export class NodeBook {
  #nodes = new Map<string, NodeRecord>()
  #isSet = false
  #knows698 = true
  /** How often the wanted nodes have changed. */
  version = 0
  /** Addresses that no module takes, as they were given. */
  unfit: readonly MeterAddress[] = []

  /** Whether anybody has told yet which nodes are wanted. */
  get isSet(): boolean {
    return this.#isSet
  }

  get size(): number {
    return this.#nodes.size
  }

  set(nodes: readonly MeshNode[], now: MonotonicMs): void {
    const before = this.#nodes
    this.#nodes = new Map()
    const unfit: MeterAddress[] = []
    for (const { address, protocol } of nodes) {
      const wire = wireAddress(address)
      if (wire === null || isOfAll(wire)) {
        unfit.push(address)
        continue
      }
      const old = before.get(wire)
      const type = protocolTypeOf(protocol, this.#knows698)
      if (old !== undefined) old.isRefused = false
      this.#nodes.set(
        wire,
        old?.protocol === protocol ? old : newRecord({ address, protocol, wire, type, since: old?.since ?? now }),
      )
    }
    this.unfit = unfit
    this.#isSet = true
    this.version++
  }

  /** Another module may want another type for 698.45. What it shows and refuses is learned anew. */
  setModule(knows698: boolean): void {
    this.#knows698 = knows698
    for (const [wire, node] of this.#nodes) {
      this.#nodes.set(wire, { ...node, type: protocolTypeOf(node.protocol, knows698), isRefused: false, shownType: null })
    }
  }

  /** Nodes that the module did not take are given to it once more. @returns whether there are any */
  forgetRefusals(): boolean {
    const refused = [...this.#nodes.values()].filter(({ isRefused }) => isRefused)
    for (const node of refused) node.isRefused = false
    return refused.length > 0
  }

  find(address: string): NodeRecord | null {
    const wire = wireAddress(address)
    return wire === null ? null : (this.#nodes.get(wire) ?? null)
  }

  all(): IterableIterator<NodeRecord> {
    return this.#nodes.values()
  }

  /** What the module's archive should hold; no more than it has room for. */
  wanted(nodesMax: number): readonly NodeRecord[] {
    return [...this.#nodes.values()].filter(({ isRefused }) => !isRefused).slice(0, nodesMax)
  }

  /** The one type that all wanted nodes share; transparent when they differ. */
  get sharedType(): number {
    const found = new Set([...this.#nodes.values()].map(({ type }) => type))
    const [only = 0] = found
    return found.size === 1 ? only : 0
  }

  noteAsked(node: NodeRecord): void {
    node.asked++
  }

  noteReply(node: NodeRecord, tookMs: number, now: MonotonicMs): void {
    node.replied++
    node.lastReplyAt = now
    node.inNetwork = true
    node.wasSeen = true
    node.replyMs = node.replied === 1 ? tookMs : node.replyMs + weight * (tookMs - node.replyMs)
    node.successShare += weight * (1 - node.successShare)
  }

  noteSilence(node: NodeRecord): void {
    node.successShare -= weight * node.successShare
  }

  /** What the information field of an answer tells of its node. */
  noteSignal(node: NodeRecord, info: UpInfo): void {
    const phase = ([null, 'A', 'B', 'C'] as const)[info.phase]
    if (phase !== undefined && phase !== null && !node.phases.includes(phase)) node.phases = [phase]
    const quality = info.replyQuality > 0 ? info.replyQuality : info.commandQuality
    if (quality > 0) node.quality = quality
  }

  noteInNetwork(node: NodeRecord, inNetwork: boolean): void {
    node.inNetwork = inNetwork
    if (inNetwork) node.wasSeen = true
    else {
      node.level = null
      node.relay = null
    }
  }

  states(now: MonotonicMs, limits: VerdictLimits): readonly MeshNodeState[] {
    return [...this.#nodes.values()].map((node) => ({
      address: node.address,
      inNetwork: node.inNetwork,
      level: node.level,
      relay: node.relay,
      phases: node.phases,
      quality: node.quality,
      lastReplyAt: node.lastReplyAt,
      asked: node.asked,
      replied: node.replied,
      verdict: verdictOf(node, now, limits),
    }))
  }
}

const isOfAll = (wire: string): boolean => wire === '999999999999' || wire === 'AAAAAAAAAAAA'

/** Phases by the bits of node lists: 1, 2, 4 = A, B, C. */
export function phasesOf(bits: number): readonly MeshPhase[] {
  return (['A', 'B', 'C'] as const).filter((_, index) => (bits & (1 << index)) !== 0)
}

/** The address of a node for reports: as settings have it, or as the module does. */
export function reportedAddress(node: NodeRecord | null, wire: string): MeterAddress {
  return node?.address ?? meterAddress(wire)
}

function newRecord(fixed: Pick<NodeRecord, 'address' | 'protocol' | 'wire' | 'type' | 'since'>): NodeRecord {
  return {
    ...fixed,
    since: monotonicMs(fixed.since),
    isRefused: false,
    shownType: null,
    inNetwork: null,
    wasSeen: false,
    level: null,
    relay: null,
    phases: [],
    quality: null,
    lastReplyAt: null,
    asked: 0,
    replied: 0,
    successShare: 1,
    replyMs: 0,
  }
}
