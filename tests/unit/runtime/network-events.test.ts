import t from 'tap'
import { VirtualTime } from '../../../drivers/simulated/index.js'
import { epochMs, linkId, meterAddress, type EventFact } from '../../../src/model/index.js'
import type { MeshModule, MeshReport } from '../../../src/ports/index.js'
import { NetworkEvents, networkEventsPerHour } from '../../../src/runtime/network-events.js'
import { lineLog } from '../../helpers/line-log.js'

const plc = linkId('plc-1')
const stranger = meterAddress('000000000042')
const known = meterAddress('000000000001')
const module: MeshModule = {
  vendor: 'GW',
  chip: '00',
  version: '0102',
  medium: 'broadband',
  led: 'either',
  mainNode: meterAddress('000000000099'),
  nodesMax: 2040,
  frameBytesMax: 527,
}

function bench() {
  const time = new VirtualTime({ wallStart: epochMs(0) })
  const recorded: EventFact[] = []
  const events = new NetworkEvents({
    timers: time,
    log: lineLog().log,
    record: (event) => recorded.push(event),
  })
  const report = (...reports: readonly MeshReport[]): void => {
    for (const each of reports) events.report(plc, each)
  }
  return { time, recorded, events, report }
}

await t.test('each report that matters is an event of its link', async (t) => {
  const { recorded, report } = bench()
  const { vendor, chip, version, medium, led, mainNode } = module
  const detail = { vendor, chip, version, medium, led, mainNode }
  report(
    { kind: 'module-started', module, replaced: false },
    { kind: 'module-started', module, replaced: true },
    { kind: 'module-lost', code: 'silent' },
    { kind: 'archive-aligned', added: 3, removed: 1, lost: false },
    { kind: 'archive-aligned', added: 3, removed: 0, lost: true },
    { kind: 'module-refused', what: '05F1', error: { code: 'denied', at: 'module', message: 'busy' } },
    { kind: 'unknown-node', address: stranger, protocol: 'dlt645-2007' },
    { kind: 'node-joined', address: known },
    { kind: 'node-left', address: known },
    { kind: 'meter-event', address: known, protocol: null, bytes: Uint8Array.of(1) },
  )
  t.strictSame(recorded, [
    { code: 'network.module-started', severity: 'info', link: plc, detail },
    { code: 'network.module-replaced', severity: 'warning', link: plc, detail },
    { code: 'network.module-lost', severity: 'alarm', link: plc, detail: { reason: 'silent' } },
    { code: 'network.archive-aligned', severity: 'info', link: plc, detail: { added: 3, removed: 1, archiveLost: false } },
    { code: 'network.archive-aligned', severity: 'warning', link: plc, detail: { added: 3, removed: 0, archiveLost: true } },
    {
      code: 'network.module-refused',
      severity: 'warning',
      link: plc,
      detail: { what: '05F1', error: 'denied', message: 'busy' },
    },
  ])
})

await t.test('a talkative network is told in numbers', async (t) => {
  const { time, recorded, report, events } = bench()
  for (let i = 0; i < networkEventsPerHour + 5; i++) report({ kind: 'module-lost', code: 'silent' })
  t.equal(recorded.length, networkEventsPerHour)
  await time.runFor(3_600_000)
  t.strictSame(recorded.at(-1), {
    code: 'network.events-left-out',
    severity: 'warning',
    link: plc,
    detail: { events: 5 },
  })
  report({ kind: 'module-lost', code: 'silent' })
  t.equal(recorded.at(-1)?.code, 'network.module-lost')
  events.stop()
  const told = recorded.length
  await time.runFor(7_200_000)
  t.equal(recorded.length, told)
})
