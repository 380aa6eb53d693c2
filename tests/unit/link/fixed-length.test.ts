import t from 'tap'
import { fixedLengthReader } from '../../../drivers/link/index.js'
import { VirtualTime } from '../../../drivers/simulated/virtual-time.js'
import { epochMs } from '../../../src/model/index.js'

await t.test('replies of one length are cut however they arrive, and a silence ends what was lost', async (t) => {
  const time = new VirtualTime({ wallStart: epochMs(0) })
  const replies: number[][] = []
  const broken: number[] = []
  const reader = fixedLengthReader({
    lengthBytes: 4,
    silenceMs: 50,
    timers: time,
    onReply: (reply) => replies.push([...reply]),
    onBroken: (bytes) => broken.push(bytes),
  })
  reader.push(Uint8Array.of(1, 2))
  await time.runFor(49)
  reader.push(Uint8Array.of(3, 4, 5, 6, 7, 8))
  await time.runFor(100)
  t.strictSame(replies, [
    [1, 2, 3, 4],
    [5, 6, 7, 8],
  ])
  reader.push(Uint8Array.of(9, 9, 9))
  await time.runFor(50)
  t.strictSame(broken, [3], 'a byte was lost')
  reader.push(Uint8Array.of(1, 2, 3, 4))
  await time.runFor(0)
  t.strictSame(replies.at(-1), [1, 2, 3, 4], 'the next reply is whole again')
  reader.push(Uint8Array.of(1))
  reader.close()
  t.strictSame(broken, [3, 1])
  t.equal(time.pending, 0)
})
