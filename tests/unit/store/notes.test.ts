import t from 'tap'
import { epochMs } from '../../../src/model/index.js'
import { openInProcessStore } from '../../../src/store/index.js'
import { NOTE_CHARS_MAX } from '../../../src/store/notes.js'
import { seededRandom } from '../../../drivers/simulated/random.js'
import { VirtualTime } from '../../../drivers/simulated/virtual-time.js'

await t.test('a note that grew without limit is a fault, not a write', async (t) => {
  const now = epochMs(Date.UTC(2026, 2, 1))
  const time = new VirtualTime({ wallStart: now })
  const store = openInProcessStore({ path: `${t.testdir()}/wattkeep.db`, now, random: seededRandom(1) }, time)
  const stamp = { receivedAt: now, clockTrusted: true, boot: 'b', monotonicMs: 0 }
  await store.run('keep-note', { name: 'long', body: 'x'.repeat(NOTE_CHARS_MAX - 2), stamp })
  await t.rejects(store.run('keep-note', { name: 'long', body: 'x'.repeat(NOTE_CHARS_MAX), stamp }), /note-too-long|32769|32770/)
})
