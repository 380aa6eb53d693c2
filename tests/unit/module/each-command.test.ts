import t from 'tap'
import { moduleBench, readOf, type BenchOptions } from '../../helpers/module-bench.js'
import type { Misdeed } from '../../helpers/scripted-module.js'

const media: readonly BenchOptions[] = [
  { meters: [1, 2, 3], module: { medium: 2, archive: [['000000000008', 2]] }, choice: { mainNode: '000000000042' } },
  { meters: [1, 2, 3], module: { medium: 1, led: 1, archive: [['000000000008', 2]] }, choice: { mainNode: '000000000042' } },
  { meters: [1, 2, 3], module: { medium: 1, led: 2, archive: [['000000000008', 2]] }, choice: { mainNode: '000000000042' } },
]

/** Functions that a start and the first look at the network ask. */
async function functionsOf(options: BenchOptions): Promise<readonly string[]> {
  const bench = moduleBench(options)
  await bench.up()
  await bench.time.runFor(60_000)
  await bench.bus.close()
  return [...new Set(bench.module.requests.map(({ afn, fn }) => `${afn} ${fn}`))]
}

const misdeeds: readonly (readonly [string, Misdeed])[] = [
  ['unanswered', 'silent'],
  ['refused as busy', { deny: 9 }],
  ['refused for good', { deny: 4 }],
  ['refused with a code of the maker’s', { deny: 200 }],
  ['answered by noise', { say: [0x68, 0x0f, 0x00, 0x83, 0x16] }],
]

for (const [words, misdeed] of misdeeds)
  await t.test(
    `lesson 21: whichever function is ${words} for a while, meters are read and the archive is ours in the end`,
    async (t) => {
      for (const options of media) {
        for (const name of await functionsOf(options)) {
          const bench = moduleBench(options)
          bench.module.misbehave = ({ afn, fn, at }) => (at < 150_000 && `${afn} ${fn}` === name ? misdeed : null)
          await bench.time.runFor(150_000)
          await bench.time.runUntil(() => bench.bus.isUp(), 600_000)
          // What was refused for good is tried again within the hour.
          await bench.time.runFor(3_700_000)
          const outcome = await bench.ask(readOf(2, 1), 1_200_000)
          t.equal(outcome.kind, 'reply', `function ${name}, medium ${options.module?.medium ?? 0}`)
          t.equal([...bench.module.archive.keys()].sort().join(), '000000000001,000000000002,000000000003')
          await bench.bus.close()
          bench.module.isOn = false
          await bench.time.runFor(10_000)
          t.equal(bench.time.pending, 0, 'no timer is left')
        }
      }
    },
  )

await t.test('whichever function is refused for ever, the meters are read', async (t) => {
  for (const options of media) {
    for (const name of await functionsOf(options)) {
      // Without it nobody knows what the module is; it is asked for ever. A module that takes no nodes cannot be read.
      if (name === '3 10' || name === '17 1') continue
      const bench = moduleBench(options)
      bench.module.misbehave = ({ afn, fn }) => (`${afn} ${fn}` === name ? { deny: 10 } : null)
      t.ok(await bench.up(), `function ${name}, medium ${options.module?.medium ?? 0}`)
      // A module that refuses to begin its own reading is only forwarded to.
      const isUrgent = name === '18 1'
      t.equal((await bench.ask(readOf(2, 1, { isUrgent }), 1_200_000)).kind, 'reply', `function ${name}`)
      await bench.bus.close()
    }
  }
})
