import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { bytesOf, hexOf, joinBytes } from '../../src/protocols/wire/bytes.js'
import {
  catalogue,
  describeFrame,
  encodeAnswer,
  encodeDown,
  encodeReply,
  encodeUp,
  entryOf,
  frameScanner,
  frameSplitter,
  matchAnswer,
  preambleBytesMax,
} from '../../src/protocols/gdw1376/index.js'
import {
  anyAddresses,
  anyDownInfo,
  anyDownUnit,
  anyMode,
  anySequence,
  anyUpInfo,
  anyUpUnit,
  downUnitNames,
  upUnitNames,
} from '../helpers/gdw1376-units.js'
import { downOf, messageOf, moduleVectors, upOf } from '../helpers/gdw1376.js'

const cases = process.env['WATTKEEP_FULL'] === '1' ? 100_000 : 3_000

// The long runs take a minute or two on a small machine; the limit is only against hanging.
t.setTimeout(1_800_000)

const frames = moduleVectors().map(({ hex }) => hex)

/** The frames of a stream that comes in pieces and is silent at the end. */
function framesOf(pieces: readonly Uint8Array[]): readonly string[] {
  const found: string[] = []
  const splitter = frameSplitter((frame) => found.push(hexOf(frame)))
  for (const piece of pieces) splitter.push(piece)
  splitter.silence()
  return found
}

function cut(bytes: Uint8Array, at: readonly number[]): readonly Uint8Array[] {
  const places = [0, ...at.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return places.slice(1).map((end, index) => bytes.slice(places[index], end))
}

const hasAddress = (unit: Parameters<typeof entryOf>[0]) => entryOf(unit)?.address !== 'none'

await t.test('every function of the catalogue is tried, in the directions it has', async (t) => {
  const named = (direction: 'down' | 'up') =>
    Object.entries(catalogue).flatMap(([name, entry]) => (entry[direction] === null ? [] : [name]))
  t.strictSame([...downUnitNames].sort(), ['unknown', ...named('down')].sort())
  t.strictSame([...upUnitNames].sort(), ['unknown', ...named('up')].sort())
})

/** Whether both say the same, however they were made. */
const isSame = (one: unknown, other: unknown) => isDeepStrictEqual(structuredClone(one), structuredClone(other))

await t.test('what the concentrator says is read as it was meant', async (t) => {
  fc.assert(
    fc.property(
      anyDownUnit,
      anyMode,
      anySequence,
      anyAddresses,
      anyDownInfo,
      fc.boolean(),
      (unit, mode, sequence, asked, info, initiates) => {
        const addresses = hasAddress(unit) ? asked : null
        const got = downOf(encodeDown(unit, { mode, sequence, addresses, info, initiates }))
        const relayLevel = addresses?.relays.length ?? 0
        return (
          isSame(got.unit, unit) &&
          isSame([got.mode, got.initiates, got.addresses], [mode, initiates, addresses]) &&
          isSame(got.info, { ...info, moduleFlag: addresses !== null, relayLevel, sequence })
        )
      },
    ),
    { numRuns: cases },
  )
  t.pass('every unit came back')
})

await t.test('what the module says is read as it was meant', async (t) => {
  fc.assert(
    fc.property(
      anyUpUnit,
      anyMode,
      anySequence,
      fc.option(anyAddresses),
      anyUpInfo,
      fc.boolean(),
      (unit, mode, sequence, asked, info, initiates) => {
        const addresses = asked === null ? null : { ...asked, relays: [] }
        const got = upOf(encodeUp(unit, { mode, sequence, addresses, info, initiates }))
        return (
          isSame(got.unit, unit) &&
          isSame([got.mode, got.initiates, got.addresses], [mode, initiates, addresses]) &&
          isSame(got.info, { ...info, moduleFlag: addresses !== null, sequence })
        )
      },
    ),
    { numRuns: cases },
  )
  t.pass('every unit came back')
})

await t.test('every message is described with its function, and its members are JSON', async (t) => {
  const both = fc.oneof(
    fc
      .tuple(anyDownUnit, anyAddresses)
      .map(([unit, addresses]) => encodeDown(unit, { mode: 3, sequence: 1, addresses: hasAddress(unit) ? addresses : null })),
    anyUpUnit.map((unit) => encodeUp(unit, { mode: 3, sequence: 1 })),
  )
  fc.assert(
    fc.property(both, (bytes) => {
      const shown = describeFrame(bytes)
      const { afn, fn, unit } = messageOf(bytes)
      if (!('afn' in shown) || !shown.ok) return false
      const isNamed = unit.name === 'unknown' ? shown.name === null && typeof shown.data === 'string' : shown.name === unit.name
      return (
        isNamed && Number.parseInt(shown.afn, 16) === afn && shown.fn === fn && isSame(JSON.parse(JSON.stringify(shown)), shown)
      )
    }),
    { numRuns: cases },
  )
  t.pass('nothing was left out')
})

await t.test('an answer is matched to its request by function and sequence alone', async (t) => {
  fc.assert(
    fc.property(anyDownUnit, anyAddresses, anyUpUnit, anySequence, anySequence, (unit, asked, reply, sequence, other) => {
      const addresses = hasAddress(unit) ? asked : null
      const request = downOf(encodeDown(unit, { mode: 3, sequence, addresses }))
      const sent = { unit, sequence, addresses }
      const answer = upOf(encodeReply(request, reply))
      const isOwn = reply.name === 'unknown' ? answer.afn === request.afn && answer.fn === request.fn : reply.name === unit.name
      const expected = reply.name === 'confirm' || reply.name === 'deny' ? reply.name : isOwn ? 'answer' : null
      const late = upOf(encodeUp(reply, { mode: 3, sequence: other }))
      return matchAnswer(sent, answer) === expected && (other === sequence || matchAnswer(sent, late) === null)
    }),
    { numRuns: cases },
  )
  t.pass('nothing else was taken for an answer')
})

await t.test('what answers a report bears its mode and sequence and opens nothing', async (t) => {
  fc.assert(
    fc.property(anyUpUnit, anyMode, anySequence, (unit, mode, sequence) => {
      const report = upOf(encodeUp(unit, { mode, sequence }))
      const answer = downOf(encodeAnswer(report, { name: 'confirm', commandStatus: 'FFFFFFFF', waitSeconds: 0 }))
      return answer.mode === mode && answer.info.sequence === sequence && !answer.initiates && answer.addresses === null
    }),
    { numRuns: 500 },
  )
  t.pass('as the module expects it')
})

await t.test('any split of a stream of glued frames gives the same frames', async (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...frames), { maxLength: 6 }),
      fc.array(fc.nat(2000), { maxLength: 40 }),
      (chosen, at) => {
        return framesOf(cut(bytesOf(chosen.join('')), at)).join() === chosen.join()
      },
    ),
  )
  t.strictSame(framesOf(Array.from(bytesOf(frames.join('')), (byte) => Uint8Array.of(byte))), frames, 'byte by byte')
})

await t.test('noise and preambles between frames hide none of them, however they are split', async (t) => {
  // Noise that cannot itself be a start: false starts are treated below.
  const noise = fc
    .uint8Array({ maxLength: 30 })
    .map((bytes) => bytes.map((byte) => (byte === 0x68 || byte === 0xfe ? 0x55 : byte)))
  const gap = fc.tuple(noise, fc.nat(40))
  fc.assert(
    fc.property(
      fc.array(fc.tuple(gap, fc.constantFrom(...frames)), { maxLength: 5 }),
      noise,
      fc.array(fc.nat(2000)),
      (parts, end, at) => {
        const stream = joinBytes([
          ...parts.flatMap(([[bytes, fes], hex]) => [bytes, new Uint8Array(fes).fill(0xfe), bytesOf(hex)]),
          end,
        ])
        const expected = parts.map(([[, fes], hex]) => 'FE'.repeat(Math.min(fes, preambleBytesMax)) + hex)
        return framesOf(cut(stream, at)).join() === expected.join()
      },
    ),
  )
  t.pass('no frame was lost')
})

await t.test('a frame that is cut off or garbled costs itself only: the next ones stand once the line is quiet', async (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...frames),
      fc.constantFrom(...frames),
      fc.nat(),
      fc.nat(),
      fc.boolean(),
      (first, second, at, bit, cutOff) => {
        const bytes = bytesOf(first)
        const place = at % bytes.length
        // A garbled delimiter, length, control byte and so on: every byte's turn comes.
        const damaged = cutOff
          ? bytes.slice(0, place)
          : bytes.map((byte, index) => (index === place ? byte ^ (1 << (bit % 8)) : byte))
        const found = framesOf([joinBytes([damaged, bytesOf(second)])])
        return found.filter((frame) => frame.endsWith(second)).length === 1 && (first === second || !found.includes(first))
      },
    ),
    { numRuns: cases },
  )
  t.pass('the second frame was always found')
})

await t.test('false starts of any kind give up one byte', async (t) => {
  const falseStart = fc.uint8Array({ maxLength: 40 }).map((bytes) => joinBytes([[0x68], bytes]))
  fc.assert(
    fc.property(fc.array(falseStart, { maxLength: 4 }), fc.constantFrom(...frames), fc.array(fc.nat(400)), (starts, hex, at) => {
      const stream = joinBytes([...starts, bytesOf(hex)])
      const found = framesOf(cut(stream, at))
      return found.join().endsWith(hex) && found.join() === framesOf([stream]).join()
    }),
    { numRuns: cases },
  )
  const scanner = frameScanner()
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const result = scanner(bytes)
      return result.kind !== 'noise' || (result.skip >= 1 && result.skip <= bytes.length)
    }),
    { numRuns: cases },
  )
  t.pass('nothing hung or threw')
})
