import t from 'tap'
import { decodeFrame, describeFrame, encodeRequest, frameSplitter, parseReply } from '../../../../src/protocols/dlt645/index.js'

/** Sockets give Buffers, whose `slice` shares memory where that of a Uint8Array copies. */
await t.test('decoding leaves the bytes of a Buffer as they came: traces and evidence show them afterwards', async (t) => {
  const hex = 'FEFEFEFE680100000100036891083333343335B33733E616'
  const reply = Buffer.from(hex, 'hex')
  const sum = reply.subarray(4, -2).reduce((total, byte) => (total + byte) & 0xff, 0)
  reply[reply.length - 2] = sum
  const before = reply.toString('hex')
  const decoded = decodeFrame(reply)
  t.match(decoded, { ok: true, value: { address: '030001000001' } })
  if (decoded.ok) t.ok(parseReply(decoded.value))
  t.match(describeFrame(reply), { address: '030001000001' })
  t.match(describeFrame(reply), { address: '030001000001' }, 'and again')
  const seen: string[] = []
  frameSplitter((frame) => seen.push(Buffer.from(frame).toString('hex'))).push(reply)
  t.equal(reply.toString('hex'), before)
  t.strictSame(
    seen.map((frame) => frame.slice(-before.length + 8)),
    [before.slice(8)],
  )
})

await t.test('encoding leaves its arguments alone', async (t) => {
  const request = Buffer.from(encodeRequest('030001000001', { fn: 'read', di: '00010000', load: null }))
  const before = request.toString('hex')
  t.match(decodeFrame(request), { ok: true, value: { address: '030001000001' } })
  t.equal(request.toString('hex'), before)
})
