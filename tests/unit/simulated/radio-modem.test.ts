import t from 'tap'
import { DeviceLink, SimulatedArea, SimulatedRadioModem, VirtualTime, type LinkPlan } from '../../../drivers/simulated/index.js'
import { dayMs, epochMs, linkId } from '../../../src/model/index.js'
import { decodeFrame, encodeRequest, frameSplitter } from '../../../src/protocols/dlt645/index.js'
import { valueOf } from '../../helpers/outcome.js'
import { marchFirst } from '../../helpers/simulated-meter.js'

function makeWorld(plan: Partial<LinkPlan> = {}) {
  const time = new VirtualTime({ wallStart: epochMs(marchFirst) })
  const links: readonly LinkPlan[] = [{ kind: 'radio-modem', meters: 3, ...plan }]
  const options = { seed: 3, links, startsAt: marchFirst, utcOffsetMinutes: 480, baud: 2400, historyMs: 2 * dayMs }
  const area = new SimulatedArea(options, { clock: time, timers: time })
  const link = area.openLink(linkId('bus1'), 4096)
  if (!(link instanceof DeviceLink)) throw new Error('no link to a device')
  const pieces: { readonly at: number; readonly bytes: Uint8Array }[] = []
  const frames: Uint8Array[] = []
  const splitter = frameSplitter((frame) => frames.push(frame))
  link.onBytes((bytes) => {
    pieces.push({ at: time.monotonic(), bytes })
    splitter.push(bytes)
  })
  link.start()
  const { device } = area.bus(linkId('bus1'))
  if (!(device instanceof SimulatedRadioModem)) throw new Error('no modem')
  const address = area.archive[0]?.address ?? ''
  const ask = async (di: string, waitMs = 20_000): Promise<void> => {
    link.write(encodeRequest(address, { fn: 'read', di, load: null }))
    await time.runFor(waitMs)
  }
  return { time, area, link, device, pieces, frames, address, ask }
}

await t.test('a long answer comes in packets of at most 58 bytes, with the air between them', async (t) => {
  const { ask, pieces, frames, address, device } = makeWorld()
  await ask('0506FF01')
  t.ok(pieces.length > 1)
  t.ok(pieces.slice(0, -1).every(({ bytes }) => bytes.length === 58))
  for (const [index, { at, bytes }] of pieces.entries()) {
    const before = pieces[index - 1]
    if (before !== undefined) t.ok(at - before.at > bytes.length * device.byteMs + 5, 'a gap')
  }
  t.match(valueOf(decodeFrame(frames[0] ?? new Uint8Array())), { address })
  t.equal(device.counts.heard, pieces.length)
  t.equal(device.counts.sent, 1)
})

await t.test('the slower the air the longer it takes', async (t) => {
  const tookMs = async (airRate: 1200 | 9600): Promise<number> => {
    const { ask, pieces } = makeWorld({ modem: { airRate } })
    await ask('00010000')
    return pieces.at(-1)?.at ?? 0
  }
  t.ok((await tookMs(1200)) > 2 * (await tookMs(9600)))
})

await t.test('packets are lost as a whole, come twice, late, or between those of strangers', async (t) => {
  const lost = makeWorld({ modem: { faults: { lostPacketsPpm: 400_000 } } })
  for (let times = 0; times < 20; times++) await lost.ask('0506FF01', 10_000)
  t.ok(lost.frames.length < 20)
  t.ok(lost.device.counts.lost > 5)
  const twice = makeWorld({ modem: { faults: { twicePpm: 1_000_000 } } })
  await twice.ask('00010000')
  t.equal(twice.frames.length, 2)
  const late = makeWorld({ modem: { faults: { gapPpm: 1_000_000, gapMsMax: 3_000 } } })
  await late.ask('0506FF01')
  t.equal(late.frames.length, 1)
  const strangers = makeWorld({ modem: { faults: { strangerPpm: 1_000_000 } } })
  await strangers.ask('00010000')
  t.equal(strangers.pieces.length, 2)
})

await t.test('three meters that answer a wildcard spoil one another', async (t) => {
  const { link, time, frames, device } = makeWorld()
  link.write(encodeRequest('AAAAAAAAAAAA', { fn: 'read-address' }))
  await time.runFor(10_000)
  t.ok(device.counts.collisions >= 2)
  t.ok(frames.length <= 1)
})

await t.test('C1 C1 C1 is answered in configuration mode only, by six bytes or as the quirk has it', async (t) => {
  const answer = async (modem: LinkPlan['modem'], lines: boolean): Promise<readonly number[]> => {
    const { link, time, pieces } = makeWorld({ modem: { airRate: 2400, channel: 7, address: 0x0102, ...modem } })
    if (lines) await link.setLines({ dtr: false, rts: false })
    link.write(Uint8Array.of(0xc1, 0xc1, 0xc1))
    await time.runFor(5_000)
    return pieces.flatMap(({ bytes }) => [...bytes])
  }
  const right = [0xc0, 0x01, 0x02, (3 << 3) | 2, 7, 0x44]
  t.strictSame(await answer({}, true), right)
  t.strictSame(await answer({}, false), [], 'to the meters it is noise')
  t.strictSame(await answer({ quirks: { configuration: 'always' } }, false), right)
  t.strictSame(await answer({ quirks: { configuration: 'never' } }, true), [])
  t.equal((await answer({ quirks: { configuration: 'always', answer: 'short' } }, false)).length, 5)
  t.equal((await answer({ quirks: { configuration: 'always', answer: 'long' } }, false)).length, 7)
  t.strictSame(await answer({ quirks: { configuration: 'always', answer: 'halves' } }, false), right)
  t.equal((await answer({ quirks: { configuration: 'always', answer: 'wrong-head' } }, false))[0], 0xc1)
})

await t.test('in configuration mode no meter is reached; back from it they are', async (t) => {
  const { link, time, frames, ask } = makeWorld()
  await link.setLines({ dtr: false, rts: false })
  await ask('00010000')
  t.equal(frames.length, 0)
  await link.setLines({ dtr: true, rts: true })
  await ask('00010000')
  t.equal(frames.length, 1)
  await time.runFor(1)
})
