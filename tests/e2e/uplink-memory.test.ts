import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import type { Stream } from '../../src/model/index.js'
import type { StoreCommandName, StoreCommands } from '../../src/ports/index.js'
import { Mosquitto, freePort } from '../helpers/mosquitto.js'
import { RecordStore } from '../helpers/record-store.js'
import { until, uplinkTo } from '../helpers/uplink-bench.js'

/** More than this would be a backlog in memory: 500,000 records of 300 bytes are 150 MB. */
const growthMaxBytes = 6_000_000

/** Counts records instead of keeping them, so that only the uplink could grow. */
class CountingStore extends RecordStore {
  #hi = 0
  #tell: ((ends: readonly { stream: Stream; hi: number }[]) => void) | null = null

  grow(count: number): void {
    for (let i = 0; i < count; i++) {
      this.#hi += 1
      this.#tell?.([{ stream: 'curve', hi: this.#hi }])
    }
  }

  override onAppended(handler: (ends: readonly { stream: Stream; hi: number }[]) => void): void {
    this.#tell = handler
  }

  override run<K extends StoreCommandName>(command: K, input: StoreCommands[K]['in']): Promise<StoreCommands[K]['out']> {
    if (command === 'extents') {
      const answer: StoreCommands['extents']['out'] = {
        epoch: 1,
        extents: [{ stream: 'curve', lo: 1, hi: this.#hi }],
        tombstones: [],
        counters: {},
      }
      return Promise.resolve(answer as StoreCommands[K]['out'])
    }
    if (command === 'read-stream') {
      const { first } = input as StoreCommands['read-stream']['in']
      const records = Array.from({ length: 10 }, (_, i) => ({ seq: first + i, body: { text: 'x'.repeat(300) } }))
      return Promise.resolve({ records } as StoreCommands[K]['out'])
    }
    return super.run(command, input)
  }
}

await t.test('lesson 5: memory stays flat while nobody takes anything', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const used = (): number => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const broker = await Mosquitto.start()
  const store = new CountingStore()
  const unreachable = uplinkTo({
    store,
    urls: [`mqtt://127.0.0.1:${await freePort()}`],
    pace: { backOff: { firstMs: 5, maxMs: 20 } },
  })
  t.teardown(() => broker.stop())

  unreachable.start()
  store.grow(10_000)
  await pause(300)
  const before = used()
  for (let round = 0; round < 10; round++) {
    store.grow(50_000)
    await pause(50)
  }
  await until('it kept trying', () => (unreachable.state()[0]?.reconnects ?? 0) > 10)
  const offline = used() - before
  t.ok(offline < growthMaxBytes, `${offline} bytes more after 500,000 records offline`)
  await unreachable.close()

  const deserted = uplinkTo({ store, urls: [broker.url] })
  deserted.start()
  await until('greeting', () => deserted.state()[0]?.state === 'greeting')
  const connected = used()
  for (let round = 0; round < 10; round++) {
    store.grow(50_000)
    await pause(50)
  }
  const greeting = used() - connected
  t.ok(greeting < growthMaxBytes, `${greeting} bytes more with a broker and no master`)
  await deserted.close()
})
