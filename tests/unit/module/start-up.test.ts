import t from 'tap'
import { moduleBench, readOf, wireOf } from '../../helpers/module-bench.js'

await t.test('a module that is there is asked who it is, given our archive, and meters are read', async (t) => {
  const { bus, module, up, ask, reports, states } = moduleBench({ meters: [1, 2, 3] })
  t.notOk(bus.isUp())
  t.equal(bus.network.snapshot().stage, 'starting')
  t.ok(await up())
  t.strictSame(
    [...module.archive],
    [1, 2, 3].map((meter) => [wireOf(meter), 2]),
  )
  t.match(bus.network.snapshot(), {
    trouble: '',
    moduleRestarts: 0,
    module: { vendor: 'TC', chip: '01', medium: 'broadband', led: 'either', nodesMax: 2040, frameBytesMax: 527 },
  })
  t.strictSame(states, ['up ready'])
  t.match(reports, [
    { kind: 'module-started', replaced: false },
    { kind: 'archive-aligned', added: 3, removed: 0, lost: false },
  ])
  const order = module.requests.map(({ afn, fn }) => `${afn.toString(16)}F${fn}`)
  t.strictSame(
    order.filter((name) => ['3F10', '3F1', '3F4', '12F2', '11F1', '5F2'].includes(name)),
    ['3F10', '3F1', '3F4', '12F2', '11F1', '5F2'],
  )
  const outcome = await ask(readOf(2))
  t.match(outcome, { kind: 'reply', noiseBytes: 0 })
})
