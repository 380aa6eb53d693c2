import t from 'tap'
import { moduleVendors } from '../../../drivers/simulated/index.js'
import type { DownUnit } from '../../../src/protocols/gdw1376/index.js'
import { ModuleClient } from '../../helpers/module-client.js'

const deny = (errorCode: number) => ({ name: 'deny', errorCode })

await t.test('a module says what it is when it gets its supply, and when asked', async (t) => {
  for (const [kind, commMode] of [
    ['plc-hplc', 2],
    ['plc-narrow', 1],
    ['wireless', 3],
  ] as const) {
    const client = new ModuleClient(kind, { mainNode: '000000000042' })
    t.equal(await client.ask({ name: 'main-node' }, null, 1_000), null, 'deaf while it starts')
    await client.wait(5_000)
    t.match(client.of('run-mode'), [{ commMode, mainNode: '000000000042', currentSlaves: 0 }])
    t.equal(client.heard[0]?.message.initiates, true)
    t.match(await client.ask({ name: 'run-mode' }), { name: 'run-mode', commMode })
    t.match(await client.ask({ name: 'vendor-version' }), { vendor: 'SM', chip: 'W1' })
    t.match(await client.ask({ name: 'main-node' }), { mainNode: '000000000042' })
    t.match(await client.ask({ name: 'set-main-node', mainNode: '000000000077' }), { name: 'confirm' })
    t.match(await client.ask({ name: 'main-node' }), { mainNode: '000000000077' })
    t.match(await client.ask({ name: 'set-main-node', mainNode: '999999999999' }), deny(1))
    const functions = await client.ask({ name: 'supported-functions', ofAfn: 0xf1 })
    t.match(functions, { fns: kind === 'plc-hplc' ? [1] : [] })
  }
})

await t.test('the archive: adding, deleting, listing, wiping, its limits and its denials', async (t) => {
  const client = new ModuleClient('plc-hplc', { quirks: { nodesMax: 10, pageNodesMax: 4 } })
  await client.wait(5_000)
  t.match(await client.ask({ name: 'node-count' }), { nodeCount: 0, maxNodes: 10 })
  t.match(await client.add(0, 1, 2, 3, 4, 5), { name: 'confirm' })
  t.match(await client.add(6, 5), deny(6), 'a duplicate, and nothing of the frame is taken')
  t.match(await client.ask({ name: 'node-count' }), { nodeCount: 6 })
  t.match(await client.add(6, 7, 8, 9, 10), deny(1), 'more than there is room for')
  t.match(await client.ask({ name: 'add-nodes', nodes: [] }), deny(1))
  const many = Array.from({ length: 33 }, (_, index) => ({ address: String(index).padStart(12, '9'), protocol: 2 }))
  t.match(await client.ask({ name: 'add-nodes', nodes: many }), deny(1), 'more than a frame may hold')
  const seen: string[] = []
  for (let start = 1; start <= 6;) {
    const page = await client.ask({ name: 'nodes', start, count: 10 })
    if (page?.name !== 'nodes' || !('total' in page)) return void t.fail('no page')
    t.equal(page.total, 6)
    t.ok(page.nodes.length <= 4)
    seen.push(...page.nodes.map(({ address }) => address))
    start += page.nodes.length
  }
  t.strictSame(
    seen,
    [0, 1, 2, 3, 4, 5].map((index) => client.address(index)),
  )
  t.match(await client.ask({ name: 'nodes', start: 0, count: 2 }), { nodes: [{ address: client.address(0) }, {}] })
  t.match(await client.ask({ name: 'delete-nodes', nodes: [client.address(1)] }), { name: 'confirm' })
  t.match(await client.ask({ name: 'delete-nodes', nodes: [client.address(1)] }), deny(7))
  t.match(await client.ask({ name: 'node-count' }), { nodeCount: 5 })
  t.match(await client.ask({ name: 'reset-parameters' }), { name: 'confirm' })
  t.match(await client.ask({ name: 'node-count' }), { nodeCount: 0 })
})

await t.test('what a module does not know it denies: unknown functions by 4, commands of another medium too', async (t) => {
  const client = new ModuleClient('plc-narrow')
  await client.wait(5_000)
  const unknown: DownUnit = { name: 'unknown', afn: 0x03, fn: 200, data: new Uint8Array() }
  t.match(await client.ask(unknown), deny(4))
  t.match(await client.ask({ name: 'radio-parameters' }), deny(4))
  t.match(await client.ask({ name: 'topology', start: 1, count: 5 }), deny(4))
  t.match(await client.ask({ name: 'start-networking' }), deny(4))
  t.match(await client.ask({ name: 'neighbours', start: 1, count: 5 }), deny(10))
  t.match(await client.ask({ name: 'set-uart-speed', speedBaud: 115_200 }), deny(10))
  t.match(await client.ask({ name: 'set-uart-speed', speedBaud: 9600 }), { name: 'confirm' })
  const radio = new ModuleClient('wireless')
  await radio.wait(5_000)
  t.match(await radio.ask({ name: 'set-radio-parameters', channelGroup: 7, power: 1 }), { name: 'confirm' })
  t.match(await radio.ask({ name: 'radio-parameters' }), { channelGroup: 7, power: 1 })
  t.match(await radio.ask({ name: 'set-network-scale', scale: 1 }), deny(1))
  t.match(await radio.ask({ name: 'set-network-scale', scale: 512 }), { name: 'confirm' })
  t.match(await radio.ask({ name: 'node-count' }), { maxNodes: 512 })
  t.match(await radio.ask({ name: 'phases', start: 1, count: 5 }), deny(4))
  t.match(await radio.ask({ name: 'restart-routing' }), { name: 'confirm' }, 'without effect')
  await radio.wait(60_000)
  t.equal(radio.of('next-frame').length, 0)
})

await t.test('makers differ: confirmations of 0, 4 and 6 bytes, their direction, pages from 0, the order of lists', async (t) => {
  const { terse, odd, old } = moduleVendors
  const confirmation = async (
    quirks: typeof terse,
  ): Promise<{ readonly length: number; readonly control: number | undefined }> => {
    const client = new ModuleClient('plc-hplc', { quirks })
    await client.wait(5_000)
    await client.add(3, 1, 2)
    const { bytes } = client.heard.at(-1) ?? { bytes: new Uint8Array() }
    return { length: bytes.length - 15, control: bytes[3] }
  }
  t.strictSame(await confirmation({}), { length: 6, control: 0x83 })
  t.strictSame(await confirmation(terse), { length: 0, control: 0x43 }, 'as if the concentrator had said it')
  t.strictSame(await confirmation(old), { length: 4, control: 0x83 })
  t.strictSame(await confirmation(odd), { length: 6, control: 0x83 })
  const oddOne = new ModuleClient('plc-hplc', { quirks: { ...odd, asksClock: false } })
  await oddOne.wait(5_000)
  t.equal(oddOne.heard[0]?.message.initiates, false, 'the start-up report without PRM')
  await oddOne.add(3, 1, 2)
  const listed = await oddOne.ask({ name: 'nodes', start: 1, count: 10 })
  t.match(listed, {
    total: 4,
    nodes: [{ address: oddOne.module.mainNode }, ...[1, 2, 3].map((index) => ({ address: oddOne.address(index) }))],
  })
  const terseOne = new ModuleClient('plc-hplc', { quirks: terse })
  await terseOne.wait(5_000)
  await terseOne.add(0, 1, 2, 3, 4, 5)
  t.match(await terseOne.ask({ name: 'nodes', start: 0, count: 3 }), deny(1))
  const mixed = await terseOne.ask({ name: 'nodes', start: 1, count: 15 })
  const order = mixed?.name === 'nodes' && 'total' in mixed ? mixed.nodes.map(({ address }) => address) : []
  t.equal(new Set(order).size, 6)
  t.not(order.join(), [0, 1, 2, 3, 4, 5].map((index) => terseOne.address(index)).join())
  const oldOne = new ModuleClient('plc-narrow', { quirks: old })
  await oldOne.wait(60_000)
  t.equal(oldOne.heard.length, 0, 'no start-up report')
  t.match(await oldOne.ask({ name: 'add-nodes', nodes: [{ address: oldOne.address(0), protocol: 3 }] }), deny(1))
})

await t.test(
  'a restart forgets what was under way and keeps the archive; it may be lost, and another module may be put in',
  async (t) => {
    const client = new ModuleClient('plc-hplc', { stands: true, quirks: { reportsJoins: false } })
    await client.wait(5_000)
    t.match(await client.monitor(0), { name: 'monitor' })
    t.match(await client.ask({ name: 'reset-hardware' }), { name: 'confirm' })
    await client.wait(5_000)
    t.equal(client.of('run-mode').length, 2)
    t.match(await client.ask({ name: 'node-count' }), { nodeCount: 12 })
    t.match(await client.monitor(0), deny(12), 'the network has to be built again')
    await client.wait(300_000)
    t.match(await client.monitor(0), { name: 'monitor' })
    client.module.loseArchive()
    t.match(await client.ask({ name: 'node-count' }), { nodeCount: 0 })
    t.match(await client.monitor(0), deny(7))
    client.module.replace({ vendor: 'XX', ...moduleVendors.terse })
    await client.wait(5_000)
    t.match(await client.ask({ name: 'vendor-version' }), { vendor: 'TE' })
  },
)

await t.test('the same seed says the same bytes; another seed another network', async (t) => {
  const said = async (seed: number): Promise<string> => {
    const faults = { hopLossPpm: 100_000, twicePpm: 50_000, latePpm: 50_000, lateMsMax: 3_000, mutePpm: 20_000 }
    const client = new ModuleClient('plc-hplc', { stands: true, faults }, { seed, meters: 40 })
    await client.wait(5_000)
    client.say({ name: 'allow-reports', allowed: true })
    for (let index = 0; index < 40; index++) await client.monitor(index, 20_000)
    await client.ask({ name: 'topology', start: 1, count: 15 })
    return client.heard.map(({ at, bytes }) => `${at} ${Buffer.from(bytes).toString('hex')}`).join('\n')
  }
  const [first, again, other] = [await said(1), await said(1), await said(2)]
  t.equal(first, again)
  t.not(first, other)
})
