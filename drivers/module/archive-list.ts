import { pageNodesMax, type UpUnit } from '../../src/protocols/gdw1376/index.js'
import { phasesOf, type Listed, type NodeRecord } from './node-book.js'
import { answerOf, ask, type Command, type CommandResult, type Procedure } from './procedure.js'
import { pagesMax } from './settings.js'
import type { Workplace } from './workplace.js'

/** What a list of the module's holds; `total`: what it says that it holds. */
export type ListResult<T> =
  | { readonly kind: 'list'; readonly nodes: readonly T[]; readonly total: number }
  | { readonly kind: 'denied'; readonly result: CommandResult }
  | { readonly kind: 'silent'; readonly result: CommandResult }

interface Page<T> {
  readonly total: number
  readonly nodes: readonly T[]
}

/**
 * Reads a list page by page from its first node on. The module may give fewer nodes than asked: what came counts. An empty page
 * ends the list, whatever the total said.
 */
export function* readPages<T>(
  command: (start: number, count: number) => Command,
  pageOf: (units: readonly UpUnit[]) => Page<T> | null,
): Procedure<ListResult<T>> {
  const nodes: T[] = []
  let total = 1
  for (let pages = 0, start = 1; start <= total && pages < pagesMax; pages++) {
    const { unit, ...more } = command(start, pages === 0 ? pageNodesMax : Math.min(pageNodesMax, total - start + 1))
    const result = yield* ask(unit, more)
    if (result.kind === 'silent') return { kind: 'silent', result }
    const page = result.kind === 'answer' ? pageOf([result.unit, ...result.more]) : null
    if (page === null) return { kind: 'denied', result }
    total = page.total
    if (page.nodes.length === 0) break
    nodes.push(...page.nodes)
    start += page.nodes.length
  }
  return { kind: 'list', nodes, total }
}

/** Reads the archive, and notes what it tells of the nodes in it. @source facts §3, 10F1 and 10F2 */
export function* readArchive(place: Workplace): Procedure<ListResult<Listed>> {
  const counted = yield* ask({ name: 'node-count' })
  if (counted.kind === 'silent') return { kind: 'silent', result: counted }
  const count = answerOf(counted, 'node-count')
  if (count?.nodeCount === 0) return { kind: 'list', nodes: [], total: 0 }
  const list = yield* readPages(
    (start, count) => ({ unit: { name: 'nodes', start, count } }),
    ([unit]) => (unit?.name === 'nodes' ? unit : null),
  )
  if (list.kind !== 'list') return list
  for (const listed of list.nodes) {
    const node = place.nodes.find(listed.address)
    if (node !== null) noteListed(node, listed)
  }
  const nodes = list.nodes.map(({ address, protocol }) => ({ address, type: protocol }))
  return { kind: 'list', nodes, total: count === null ? list.total : count.nodeCount }
}

interface ListedNode {
  readonly relayLevel: number
  readonly quality: number
  readonly phaseBits: number
}

function noteListed(node: NodeRecord, { relayLevel, quality, phaseBits }: ListedNode): void {
  // A level of 15 is "not in the network"; quality 0 is "none".
  if (quality > 0) {
    node.level = relayLevel === 15 ? null : relayLevel
    node.quality = quality
  }
  if (phaseBits !== 0) node.phases = phasesOf(phaseBits)
}

/** What must change in the module's archive. */
export interface ArchiveDifference {
  /** Addresses to delete: surplus, twice there, or with another protocol type. */
  readonly surplus: readonly string[]
  readonly missing: readonly NodeRecord[]
  /** Of these, nodes that are there with another type. */
  readonly retyped: readonly { readonly node: NodeRecord; readonly shown: number }[]
}

/** Compares by address and protocol type. */
export function archiveDifference(wanted: readonly NodeRecord[], listed: readonly Listed[]): ArchiveDifference {
  const has = new Map<string, number>()
  const surplus = new Set<string>()
  for (const { address, type } of listed) {
    if (has.has(address)) surplus.add(address)
    has.set(address, type)
  }
  const missing: NodeRecord[] = []
  const retyped: { node: NodeRecord; shown: number }[] = []
  for (const node of wanted) {
    const shown = has.get(node.wire)
    has.delete(node.wire)
    if (shown !== undefined && !surplus.has(node.wire) && (shown === node.type || shown === node.shownType)) continue
    missing.push(node)
    if (shown === undefined) continue
    surplus.add(node.wire)
    if (shown !== node.type) retyped.push({ node, shown })
  }
  for (const address of has.keys()) surplus.add(address)
  return { surplus: [...surplus], missing, retyped }
}
