import t from 'tap'
import { boundMs } from '../../../scripts/benches/collect-bound.js'
import { collectMedia, type CollectMedium } from '../../../scripts/benches/collect-works.js'
import type { LinkKind } from '../../../drivers/simulated/index.js'

const medium = (kind: LinkKind, meters: number): CollectMedium => ({ name: '', kind, baud: 2400, meters, works: [] })
const block = { out: 20, back: 40 }
const rounded = (ms: number): number => Math.round(ms * 10) / 10

await t.test('bounds are what can be reckoned by hand', async (t) => {
  // 60 bytes of 11 bits at 2400 baud, 40 ms of delay, 20 ms of quiet.
  t.equal(rounded(boundMs(medium('rs485', 1), [block])), 335)
  t.equal(rounded(boundMs(medium('rs485', 10), [block, block])), 6_700)
  // One hop: 900 and half of 350; 122 bytes on the port, 40 ms of the meter, 40 ms of the module.
  t.equal(rounded(boundMs(medium('wireless', 1), [block])), rounded(1_075 + (122 * 11_000) / 9600 + 80))
  // The same by 14F1 is quicker than by 13F1 with half a second of quiet: one hop takes 1,200 and half of 800.
  t.equal(
    rounded(boundMs(medium('plc-narrow', 1), [block])),
    rounded(1_600 + ((36 + 51 + 71 + 21) * 11_000) / 9600 + 40 + 80 + 100),
  )
  // Four answers of 40 bytes together, for five meters at a time over one hop: the way in is what is scarce.
  const four = [block, block, block, block]
  t.equal(rounded(boundMs(medium('plc-hplc', 1), four)), rounded(((30 + 160) * 11_000) / 9600))
  // To the meter 20 and from it 40 bytes, 16 more in the air at 2400 bit/s, a pause of three bytes each, 5 ms twice, 40 bytes on our wire.
  const there = (23 * 10_000) / 9600 + (36 * 8_000) / 2400 + 5 + (20 * 11_000) / 2400
  const back = (43 * 11_000) / 2400 + (56 * 8_000) / 2400 + 5 + (40 * 10_000) / 9600
  t.equal(rounded(boundMs(medium('radio-modem', 1), [block])), rounded(there + 40 + back))
})

await t.test('every medium of the mission is measured, by both protocols', async (t) => {
  t.strictSame(
    new Set(collectMedia.map(({ kind }) => kind)),
    new Set(['rs485', 'plc-hplc', 'plc-narrow', 'wireless', 'radio-modem']),
  )
  for (const { works } of collectMedia)
    for (const protocol of ['dlt645-2007', 'dlt698-45'])
      for (const kind of ['freeze', 'curve']) t.ok(works.some((work) => work.protocol === protocol && work.kind === kind))
})
