import { epochMs, fail, linkId, ok, type InputError, type MeterId, type Result } from '../model/index.js'
import type { MeshNodeState } from '../ports/index.js'
import type { ConsoleBackend } from './backend.js'
import type { NetworkNodeView, NetworkView } from './views.js'

/** What is worth a look first. */
const worstFirst = ['hopeless', 'slow', 'unknown', 'good'] as const satisfies readonly MeshNodeState['verdict'][]

/** What a link's module, or our own count, says of the network behind it. */
export function networkView(link: string, backend: ConsoleBackend): Result<NetworkView, InputError> {
  const id = linkId(link)
  const snapshot = backend.network(id)
  if (snapshot === null) return refuse(link, backend)
  const { stage, trouble, module, moduleRestarts, air = null } = snapshot
  const { meters } = backend.site().parameters
  const meterAt = new Map(meters.flatMap((meter) => (meter.link === id ? [[meter.address, meter.id] as const] : [])))
  const nodes = snapshot.nodes.map((node) => nodeView(node, meterAt.get(node.address) ?? null, backend))
  const count = (verdict: MeshNodeState['verdict']): number => nodes.filter((node) => node.verdict === verdict).length
  return ok({
    utcOffsetMinutes: backend.site().parameters.utcOffsetMinutes,
    ...{ link, stage, trouble, module, restarts: moduleRestarts, air },
    verdicts: { hopeless: count('hopeless'), slow: count('slow'), unknown: count('unknown'), good: count('good') },
    away: nodes.filter(({ inNetwork }) => inNetwork === false).length,
    nodes: nodes.sort((a, b) => placeOf(a) - placeOf(b) || (a.address < b.address ? -1 : 1)),
  })
}

const placeOf = ({ verdict }: NetworkNodeView): number => worstFirst.indexOf(verdict)

function nodeView(node: MeshNodeState, meter: MeterId | null, backend: ConsoleBackend): NetworkNodeView {
  const { address, verdict, inNetwork, level, relay, phases, quality, asked, replied, lastReplyAt } = node
  const { at, monotonic } = backend.clock()
  return {
    ...{ meter, address, verdict, inNetwork, level, relay, phases: phases.join(''), quality, asked, replied },
    lastReplyAt: lastReplyAt === null ? null : epochMs(Math.round(at - (monotonic - lastReplyAt))),
  }
}

function refuse(link: string, backend: ConsoleBackend): Result<never, InputError> {
  const links = backend.links().map((known) => known.link as string)
  if (links.includes(link)) {
    return fail({ code: 'no-network', at: 'link', message: `the meters of ${link} hang on its wire itself: see wattkeep meters` })
  }
  return fail({ code: 'unknown-link', at: 'link', message: `expected one of ${links.join(', ')}, got ${link}` })
}
