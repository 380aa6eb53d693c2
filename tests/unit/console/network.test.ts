import t from 'tap'
import { networkText } from '../../../src/console/commands/network.js'
import { linkId, meterAddress, monotonicMs } from '../../../src/model/index.js'
import type { MeshModule, MeshNodeState, MeshSnapshot } from '../../../src/ports/index.js'
import { askConsole, fakeBackend } from '../../helpers/console-backend.js'
import { siteOf } from '../../helpers/store-site.js'

const site = siteOf(3)
const link = linkId('rs485-1')
const parameters = { ...site, meters: site.meters.map((meter) => ({ ...meter, link })) }
const addresses = parameters.meters.map(({ address }) => address)
const node = (index: number, more: Partial<MeshNodeState>): MeshNodeState => ({
  ...{
    address: addresses[index] ?? meterAddress('999999999999'),
    inNetwork: true,
    level: 2,
    relay: null,
    phases: ['A'] as const,
  },
  ...{ quality: 12, lastReplyAt: monotonicMs(3_540_000), asked: 100, replied: 98, verdict: 'good' as const, ...more },
})
const module: MeshModule = {
  ...{ vendor: 'ES', chip: 'HP', version: '0105', medium: 'broadband', led: 'either' },
  ...{ mainNode: meterAddress('000000000099'), nodesMax: 1500, frameBytesMax: 2000 },
}
const snapshot: MeshSnapshot = {
  ...{ stage: 'ready', trouble: '', module, moduleRestarts: 1 },
  nodes: [
    node(0, {}),
    node(1, { verdict: 'hopeless', inNetwork: false, level: null, quality: null, phases: [], lastReplyAt: null, replied: 0 }),
    node(2, { verdict: 'slow', replied: 60 }),
    node(7, {}),
  ],
}
const ask = (network: MeshSnapshot | null, name: string = link) =>
  askConsole(
    { ask: 'network', link: name },
    { parameters, overrides: { network: () => network, links: () => [{ link } as never] } },
  )

await t.test('a network is told with its module, and nodes in need of care first', async (t) => {
  const view = await ask(snapshot)
  t.same(view.verdicts, { hopeless: 1, slow: 1, unknown: 0, good: 2 })
  t.same(
    view.nodes.map(({ meter, verdict }) => [meter, verdict]),
    [
      [parameters.meters[1]?.id, 'hopeless'],
      [parameters.meters[2]?.id, 'slow'],
      [parameters.meters[0]?.id, 'good'],
      [null, 'good'],
    ],
  )
  const now = fakeBackend().backend.clock().at
  t.equal(view.nodes[1]?.lastReplyAt, now - 60_000)
  const text = networkText(view)
  t.same(
    text.filter((line) => line.length > 80),
    [],
  )
  t.match(text[0], /^link rs485-1 {2}ready$/)
  t.match(text.join(' '), /broadband, maker ES, chip HP, version 0105; main node +000000000099,.*restarted 1 time/)
  t.match(text.join('\n'), /4 nodes; 1 not in the network; 1 hopeless, 1 slow, 2 good/)
  t.match(text.join('\n'), /hopeless away +- +- +- +0\/100 +never/)
  t.match(text.join('\n'), /\? +999999999999 +good +2 +12 +A +98\/100 +03-02 09:59/)
})

await t.test('a module that is not ready says why, and a radio what it had of the air', async (t) => {
  const starting = networkText(
    await ask({ ...snapshot, stage: 'starting', trouble: 'it denies AFN 03', module: null, nodes: [] }),
  )
  t.same(starting, ['link rs485-1  starting: it denies AFN 03', 'network   0 nodes'])
  const air = {
    sentMs: 1,
    heardMs: 2,
    packetsSent: 30,
    packetsHeard: 28,
    retries: 2,
    refused: 3,
    hourSpentMs: 9_000,
    hourMs: 36_000,
  }
  t.match(
    networkText(await ask({ ...snapshot, module: null, air })).join(' '),
    /25 % of the hour.s share; packets 30 sent, 28 heard; 2 retries; 3 +requests waited in vain/,
  )
  const idle = { ...air, hourMs: 0, retries: 1, refused: 0 }
  t.match(
    networkText(await ask({ ...snapshot, module: { ...module, led: 'module' }, moduleRestarts: 0, air: idle })).join(' '),
    /it decides what is read +air +-; packets 30 sent, 28 heard; 1 retry +network/,
  )
})

await t.test('a link without a network, and no link, are told apart', async (t) => {
  await t.rejects(ask(null), /no-network link/)
  await t.rejects(ask(null, 'b9'), /unknown-link link/)
})
