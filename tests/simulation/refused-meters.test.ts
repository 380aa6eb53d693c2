import t from 'tap'
import { calendarOn } from '../../src/calendar.js'
import { linkId, meterAddress } from '../../src/model/index.js'
import { dlt645 } from '../../src/protocols/dlt645/index.js'
import { createBusRunner } from '../../src/runtime/bus-runner.js'
import { Collector } from '../../src/runtime/collector.js'
import { meshSchedulingPolicy } from '../../src/scheduling/index.js'
import { silentLog } from '../helpers/collection-bench.js'
import { task, testProfile, testSite } from '../helpers/collection-site.js'
import { testMeter, utcOffsetMinutes } from '../helpers/core-bench.js'
import { frameOf } from '../helpers/dlt645.js'
import { moduleBench } from '../helpers/module-bench.js'
import { PointStore } from '../helpers/point-store.js'

const link = linkId('bus-1')
const minuteMs = 60_000
const meters = Array.from({ length: 40 }, (_, index) => testMeter(String(index + 1), { link }))
const isRefused = (meter: string): boolean => Number(meter) % 2 === 0

await t.test(
  'a module that refuses half of its meters: the others are read at full rate, and each gap tells the truth',
  async (t) => {
    const bench = moduleBench({ module: { medium: 2, led: 1 } })
    const { time, bus, module } = bench
    bus.network.setNodes(meters.map(({ address, protocol }) => ({ address: meterAddress(address), protocol })))
    module.meter = (address) => frameOf(address, 0x91, '00FF010000010000')
    module.misbehave = ({ afn, meter }) => (afn === 0xf1 && meter !== null && isRefused(meter) ? { deny: 1 } : null)
    t.ok(await bench.up())
    const random = { next: () => 0.5 }
    const policy = meshSchedulingPolicy
    const runner = createBusRunner({ link, bus, clock: time, timers: time, random, quietMs: 0, policy })
    const store = new PointStore()
    const tasks = [
      task('curve', { items: ['energy'], cron: '*/15 * * * *', liveWindowMs: 5 * minuteMs, closesAfterMs: 5 * minuteMs }),
    ]
    const collector = new Collector({
      ...{ clock: time, timers: time, store, log: silentLog, runners: new Map([[link, runner]]) },
      calendar: calendarOn({ clock: time, timers: time, onSkipped: () => {} }),
      protocols: new Map([[dlt645.name, dlt645]]),
      parameters: testSite(meters, { utcOffsetMinutes, profiles: [testProfile()], tasks }),
      onEffects: () => {},
      onMeterClock: () => {},
      onFault: (error) => {
        throw error
      },
    })
    await collector.start()
    const answers: number[] = []
    const { meter: answer } = module
    module.meter = (address, frame) => {
      answers.push(time.monotonic())
      return answer(address, frame)
    }
    await time.runFor(3 * 60 * minuteMs)
    const slots = new Map<number, number[]>()
    for (const at of answers)
      slots.set(Math.floor(at / (15 * minuteMs)), [...(slots.get(Math.floor(at / (15 * minuteMs))) ?? []), at])
    const took = [...slots.values()].map((all) => Math.max(...all) - Math.min(...all))
    t.comment(`the twenty good ones took ${took.map(Math.round).join(', ')} ms of a slot`)
    t.ok(Math.max(...took) < 5_000, 'nothing waited for those that are refused')
    const reasons = (refused: boolean) => {
      const values = store.points.filter(({ meter }) => isRefused(meter) === refused).flatMap((point) => point.values)
      return [...new Set(values.map((value) => ('absent' in value ? value.absent : 'value')))]
    }
    t.strictSame(reasons(false), ['value'])
    t.strictSame(reasons(true), ['not-carried'])
    const asked = module.of(0xf1, 1).filter(({ meter }) => meter !== null && isRefused(meter)).length / 20
    t.comment(`each refused meter was asked ${asked} times in three hours, that is twelve slots`)
    t.ok(asked < 12, 'not in every slot')
    t.ok(bus.isUp())
    await collector.close()
  },
)
