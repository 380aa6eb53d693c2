import t from 'tap'
import { createRs485Bus } from '../../../drivers/rs485/index.js'
import { linkId, meterAddress, type EventFact } from '../../../src/model/index.js'
import type { MeterProtocol } from '../../../src/ports/index.js'
import { dlt698 } from '../../../src/protocols/dlt698/index.js'
import { hexOf } from '../../../src/protocols/wire/bytes.js'
import { Buses } from '../../../src/runtime/buses.js'
import type { LinkSettings } from '../../../src/settings/index.js'
import { testMeter } from '../../helpers/core-bench.js'
import { meterFrame } from '../../helpers/dlt698.js'
import { FakeLink } from '../../helpers/fake-link.js'
import { lineLog } from '../../helpers/line-log.js'
import { moduleBench } from '../../helpers/module-bench.js'

const address = '000032909591'
const report = meterFrame(address, '88010501001002000106000000640000', 0x83)
const protocols = new Map<string, MeterProtocol>([[dlt698.name, dlt698]])
const settings = (id: string): LinkSettings => ({
  ...{ id: linkId(id), driver: id, url: '', quietGapMs: 20, firstByteMs: 500, options: {} },
})
const meterOn = (id: string) => testMeter(id, { address: meterAddress(address), link: linkId(id), protocol: 'dlt698-45' })

await t.test('what a meter pushes on a wire or through a module is an event of that meter, and is confirmed', async (t) => {
  const plc = moduleBench()
  const { time } = plc
  const line = new FakeLink(time, 1)
  const events: EventFact[] = []
  const buses = new Buses({
    ...{ clock: time, timers: time, random: { next: () => 0.5 }, log: lineLog().log, protocols },
    openBus: ({ driver }) => (driver === 'plc' ? plc.bus : createRs485Bus({ link: line, clock: time, timers: time })),
    record: (event) => events.push(event),
    onFault: (error) => {
      throw error
    },
  })
  buses.open([settings('wire'), settings('plc')])
  buses.setMeters([meterOn('wire'), meterOn('plc')])
  await plc.up()
  const reported = () => events.filter(({ code }) => code === 'meter.reported')
  line.say(report)
  await time.runFor(1_000)
  t.match(reported(), [{ link: 'wire', meter: 'wire', detail: { items: '00100200: 1.00 kWh' } }])
  t.match(
    line.written.map(({ bytes }) => hexOf(bytes)),
    [/0801050100100200/],
  )
  plc.module.say(6, 5, [1, 3, report.length, ...report])
  await time.runFor(60_000)
  t.match(reported()[1], { link: 'plc', meter: 'plc', detail: { address, protocol: 'dlt698-45' } })
  const carried = plc.link.written.filter(({ bytes }) => hexOf(bytes).includes('0801050100100200'))
  t.equal(carried.length, 1, 'once')
  await buses.stopRunning()
  line.say(report)
  plc.module.say(6, 5, [1, 3, report.length, ...report])
  t.equal(reported().length, 2)
})
