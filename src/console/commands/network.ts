import { countText } from '../../model/index.js'
import { shortTime, table, wrapped } from '../columns.js'
import type { NetworkNodeView, NetworkView } from '../views.js'

/** `wattkeep network LINK`: the module, how its network is, and each node, those that need care first. */
export function networkText(view: NetworkView): readonly string[] {
  const { link, stage, trouble, module, restarts, nodes, away, verdicts, utcOffsetMinutes } = view
  const counts = Object.entries(verdicts).flatMap(([verdict, count]) => (count === 0 ? [] : [`${count} ${verdict}`]))
  const what = [
    countText(nodes.length, 'node'),
    ...(away === 0 ? [] : [`${away} not in the network`]),
    ...(counts.length === 0 ? [] : [counts.join(', ')]),
  ]
  return [
    ...wrapped(`link ${link}  `, `${stage}${trouble === '' ? '' : `: ${trouble}`}`),
    ...(module === null ? [] : moduleLines(module, restarts)),
    ...airLines(view.air),
    ...wrapped('network   ', what.join('; ')),
    ...(nodes.length === 0 ? [] : ['', ...nodeTable(nodes, utcOffsetMinutes)]),
  ]
}

function moduleLines(module: NonNullable<NetworkView['module']>, restarts: number): readonly string[] {
  const { vendor, chip, version, medium, led, mainNode, nodesMax } = module
  const maker = `maker ${vendor}, chip ${chip}, version ${version}`
  const reads = { concentrator: 'we decide what is read', module: 'it decides what is read', either: 'reads either way' }[led]
  const started = restarts === 0 ? '' : `; restarted ${countText(restarts, 'time')}`
  return wrapped('module    ', `${medium}, ${maker}; main node ${mainNode}, at most ${nodesMax} nodes; ${reads}${started}`)
}

function airLines(air: NetworkView['air']): readonly string[] {
  if (air === null) return []
  const { hourSpentMs, hourMs, packetsSent, packetsHeard, retries, refused } = air
  const share = hourMs === 0 ? '-' : `${((hourSpentMs / hourMs) * 100).toFixed(0)} % of the hour's share`
  const held = refused === 0 ? '' : `; ${countText(refused, 'request')} waited in vain for air`
  return wrapped(
    'air       ',
    `${share}; packets ${packetsSent} sent, ${packetsHeard} heard; ${countText(retries, 'retry', 'retries')}${held}`,
  )
}

function nodeTable(nodes: readonly NetworkNodeView[], utcOffsetMinutes: number): readonly string[] {
  const text = (value: number | string | null): string => (value === null ? '-' : String(value))
  const rows = nodes.map(({ meter, address, verdict, inNetwork, level, quality, phases, asked, replied, lastReplyAt }) => [
    meter ?? '?',
    address,
    inNetwork === false ? `${verdict} away` : verdict,
    ...[level, quality].map(text),
    phases === '' ? '-' : phases,
    `${replied}/${asked}`,
    lastReplyAt === null ? 'never' : shortTime(lastReplyAt, utcOffsetMinutes).slice(0, '03-01 08:00'.length),
  ])
  return table([['METER', 'ADDRESS', 'STATE', 'HOPS', 'SIG', 'PH', 'REPLIES', 'LAST REPLY'], ...rows], [3, 4, 6])
}
